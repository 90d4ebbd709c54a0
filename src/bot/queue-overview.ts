import type { Eta, Surface } from './job.ts';

/** A request that waits or is being painted, as far as somebody may see it. */
export interface QueueEntry {
  /** `null`, like the fields below it, for what is not the asker's to see: a request of another place. */
  readonly id: string | null;
  readonly room: string | null;
  readonly user: string | null;
  readonly prompt: string | null;
  readonly surface: Surface;
  readonly pictures: number;
  readonly own: boolean;
  readonly mayCancel: boolean;
  /** Milliseconds since 1970. */
  readonly askedAt: number;
  /** From 1; `null` for one that is being painted. */
  readonly position: number | null;
  /** Requests that start before it: of the same person, and of others. */
  readonly ahead: { readonly own: number; readonly others: number };
  /** What it waits for that no painter has, as a sentence; `null` where nobody paints at all. */
  readonly lack: string | null;
  readonly start: Eta | null;
  readonly end: Eta | null;
  /** Names of those who paint it. */
  readonly painters: readonly string[];
  /** 0 to 1. */
  readonly fraction: number;
}

export interface QueueOverview {
  /** All that wait, also those that are not listed. */
  readonly count: number;
  readonly running: readonly QueueEntry[];
  /** The first that wait, in their order. */
  readonly waiting: readonly QueueEntry[];
  readonly painters: readonly { readonly name: string; readonly ready: boolean; readonly busy: boolean }[];
}
