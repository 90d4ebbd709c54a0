import { z } from 'zod';

/** The most that an interaction's token lives, in milliseconds. */
export const TOKEN_LIFE = 15 * 60 * 1000;

/**
 * Everything needed to reach the message that shows a job, kept in the core's store.
 * It is written before the request that it prepares, so that a crash in between can be repaired.
 */
const schema = z.object({
  version: z.literal(1),
  /** What may still be answered with the interaction's token; `null` where there never was one. */
  interaction: z.object({ id: z.string(), token: z.string(), expires: z.number() }).nullable(),
  user: z.string(),
  /** The channel of the command, and whether the bot itself can see it. */
  channel: z.string(),
  access: z.boolean(),
  /** Bytes per file. */
  limit: z.number(),
  /** `reply`: the interaction's own answer; `channel`, `dm`: a message by the bot; `none`: nowhere to show it. */
  place: z.enum(['reply', 'channel', 'dm', 'none']),
  target: z.object({ channel: z.string(), message: z.string().nullable() }),
  /** When the bot first tried to post the message at `target`, in ms; `null` before. */
  posted: z.number().nullable(),
  /** Image id → id of its attachment on the message. */
  files: z.record(z.string(), z.string()),
  /** A line of explanation under the reply. */
  note: z.string().nullable(),
});

export type MessageRef = z.infer<typeof schema>;

/** The stored handle, or `null` for none or one from elsewhere. */
export function parseRef(stored: unknown): MessageRef | null {
  const parsed = schema.safeParse(stored);
  return parsed.success ? parsed.data : null;
}

const DISCORD_EPOCH = 1420070400000n;

/** The smallest id that Discord would give at a time, for paging through history. */
export function snowflakeAt(ms: number): string {
  const since = BigInt(Math.max(0, Math.floor(ms))) - DISCORD_EPOCH;
  return ((since > 0n ? since : 0n) << 22n).toString();
}

/** When Discord gave out an id, in ms since 1970. */
export function timeOf(snowflake: string): number {
  return Number((BigInt(snowflake) >> 22n) + DISCORD_EPOCH);
}
