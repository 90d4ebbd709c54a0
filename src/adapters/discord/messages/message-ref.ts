import * as z from 'zod';

/** How long an interaction's token lives at most, in milliseconds. */
export const TOKEN_LIFE = 15 * 60 * 1000;
/** The token is treated as dead a little before it dies, in ms. */
const TOKEN_MARGIN = 5000;
/** Earlier messages of a job that are still kept up to date. */
export const COPIES = 10;

const token = z.object({
  id: z.string(),
  token: z.string(),
  expires: z.number(),
  /** A click on the message: the token reaches it as the click's original, not by its id. */
  source: z.boolean().default(false),
});

/** An interaction's token, and until when it may be used, by Discord's clock. */
export type Token = z.infer<typeof token>;

/** A message, and what reaches it. */
export const reach = z.object({
  channel: z.string(),
  message: z.string(),
  access: z.boolean(),
  interaction: token.nullable(),
});
/** A message that showed the job before it was asked for elsewhere. */
const copy = reach.extend({ files: z.record(z.string(), z.string()) });

type Copy = z.infer<typeof copy>;

export type Reach = z.infer<typeof reach>;

/**
 * Everything needed to reach the message that shows a job, kept in the core's store.
 * It is written before the request that it prepares, so that a crash in between can be repaired.
 */
const schema = z.object({
  version: z.literal(1),
  /** What may still be answered with the interaction's token; `null` where there never was one. */
  interaction: token.nullable(),
  user: z.string(),
  /** The channel of the command, and whether the bot itself can see it. */
  channel: z.string(),
  access: z.boolean(),
  /** Bytes per file. */
  limit: z.number(),
  /** `reply`: the interaction's own answer; `channel`, `dm`: a message by the bot; `none`: nowhere to show it. */
  place: z.enum(['reply', 'channel', 'dm', 'none']),
  target: z.object({ channel: z.string(), message: z.string().nullable() }),
  /** When the bot first tried to post the message at `target`, in ms by Discord's clock; `null` before. */
  posted: z.number().nullable(),
  /** File id of a picture → id of its attachment on the message. */
  files: z.record(z.string(), z.string()),
  /** A line of explanation under the reply. */
  note: z.string().nullable(),
  copies: z.array(copy).default([]),
});

export type MessageRef = z.infer<typeof schema>;

/** A stored handle, or `null` where there is none. */
export function parseRef(stored: unknown): MessageRef | null {
  const parsed = schema.safeParse(stored);
  return parsed.success ? parsed.data : null;
}

export function tokenOf({ id, token }: { readonly id: string; readonly token: string }): Token {
  return { id, token, expires: timeOf(id) + TOKEN_LIFE - TOKEN_MARGIN, source: false };
}

/** A handle for a message still to be made, in the channel of the command. */
export function newRef(where: Pick<MessageRef, 'interaction' | 'user' | 'channel' | 'access' | 'limit'>): MessageRef {
  return {
    version: 1,
    ...where,
    place: where.interaction === null ? 'channel' : 'reply',
    target: { channel: where.channel, message: null },
    posted: null,
    files: {},
    note: null,
    copies: [],
  };
}

/** The message that shows a job now; `null` where there is none yet. */
export function reachOf({ place, target, access, interaction }: MessageRef): Reach | null {
  const { channel, message } = target;
  if (message === null || place === 'none') return null;
  return place === 'reply'
    ? { channel, message, access, interaction }
    : { channel, message, access: true, interaction: null };
}

/** The interaction's own answer, whichever message shows the job now; `null` if there was no interaction. */
export function originalOf({ channel, interaction }: MessageRef): Reach | null {
  if (interaction === null) return null;
  return { channel, message: '@original', access: false, interaction: { ...interaction, source: true } };
}

/** The earlier messages of a job, including the one that shows it now. More than `COPIES` of them are not kept up to date. */
export function copiesOf(ref: MessageRef): Copy[] {
  const reach = reachOf(ref);
  return reach === null ? ref.copies : [...ref.copies, { ...reach, files: ref.files }];
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
