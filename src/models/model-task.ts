import type { HubOptions } from '../pipeline/hub/hub-options.ts';
import type { Language } from '../texts/language.ts';
import type { PublishedClassifier } from './classifier/published.ts';
import type { ModelEntry } from './manifest.ts';
import type { STYLES } from './store.ts';
import type { VerifyFinding } from './verify.ts';

export interface PullWish {
  readonly styles: readonly (typeof STYLES)[number][];
  readonly variant?: 'fp16' | undefined;
  /** Also what it takes to start from pictures. */
  readonly pictures: boolean;
}

/** How far something is that takes minutes. */
export interface TaskProgress {
  /** The file that is being fetched or read. */
  readonly path: string;
  /** Bytes that were fetched or read, and all that are to be; 0 before that is known. */
  readonly done: number;
  readonly bytes: number;
  /** What is wrong, file by file. */
  readonly findings: readonly VerifyFinding[];
}

/** Options that another thread can be given. */
export type PlainHubOptions = Omit<HubOptions, 'sleep' | 'onRetry'>;

/** What a thread of its own does: hashes of gigabytes would hold up everybody else's requests. */
export type TaskOrder = { readonly folder: string; readonly language: Language } & (
  | { readonly kind: 'pull'; readonly model: ModelEntry; readonly wish: PullWish; readonly hub: PlainHubOptions }
  | { readonly kind: 'pull-classifier'; readonly published: PublishedClassifier; readonly registry: PlainHubOptions }
  | { readonly kind: 'verify'; readonly model: ModelEntry | undefined }
  | { readonly kind: 'verify-classifier' }
);

/** What the thread says. What is `told` is written for whoever looks after the bot; the rest of an error is for the log. */
export type TaskMessage =
  | { readonly type: 'progress'; readonly progress: TaskProgress }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly told: string | null; readonly trace: string };

export const STOP = 'stop';
