import * as z from 'zod';

const file = z.object({
  id: z.string(),
  /** Slack has taken it in and can show it. */
  ready: z.boolean(),
});

/** Earlier messages of a job whose handles are kept with it. */
export const COPIES = 50;

/** A message, as Slack names it. */
export const posted = z.object({ channel: z.string(), ts: z.string() });

export type Posted = z.infer<typeof posted>;

/** Slack's handle on the message that shows a job. */
const messageRef = z.object({
  team: z.string(),
  enterprise: z.string().nullable(),
  channel: z.string(),
  thread: z.string().nullable(),
  user: z.string(),
  ts: z.string().nullable(),
  /** The key of the interaction that asked for it here; `null` if unknown. */
  key: z.string().nullable(),
  /** When posting was last tried, milliseconds since 1970 by Slack's clock: where to search if `ts` was never stored. */
  triedAt: z.number().nullable(),
  /** Shown under the message: why it comes by direct message. */
  note: z.string().nullable(),
  /** Uploaded pictures by image id. */
  files: z.record(z.string(), file),
  preview: z.string().nullable(),
  /** Files that nothing shows any more, or not yet: to be deleted. */
  stale: z.array(z.string()),
  /** The message was deleted by somebody and posted anew once. */
  replaced: z.boolean(),
  /** Messages that showed the job before. They are not kept up to date, and are removed with it. */
  copies: z.array(posted).default([]),
});

export type MessageRef = z.infer<typeof messageRef>;

/** Where an interaction came from: Slack's own ids. */
export interface Origin {
  readonly team: string;
  readonly enterprise: string | null;
  readonly channel: string;
  readonly thread: string | null;
  readonly user: string;
}

export function newRef(origin: Origin, key: string | null): MessageRef {
  const empty = {
    ts: null,
    triedAt: null,
    note: null,
    files: {},
    preview: null,
    stale: [],
    replaced: false,
    copies: [],
  };
  return { ...origin, key, ...empty };
}

/** A stored handle, or `null` where there is none. */
export function parseRef(stored: unknown): MessageRef | null {
  const parsed = messageRef.safeParse(stored);
  return parsed.success ? parsed.data : null;
}

/** The earlier messages of a job, including the one that shows it now. */
export function copiesOf({ copies, channel, ts }: MessageRef): Posted[] {
  return ts === null ? copies : [...copies, { channel, ts }];
}

/** Every file of a job in a workspace, whether or not anything shows it. */
export function filesOf({ files, preview, stale }: MessageRef): string[] {
  return [...Object.values(files).map(({ id }) => id), ...(preview === null ? [] : [preview]), ...stale];
}
