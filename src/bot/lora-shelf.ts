import type { KnownLora } from './request-limits.ts';

/** The LoRAs that prompts can name. */
export interface LoraShelf {
  /** As they were found last. */
  readonly known: readonly KnownLora[];
  /** Looks again: people add files while the bot runs. */
  refresh(): Promise<void>;
}

export const NO_LORAS: LoraShelf = { known: [], refresh: async () => {} };
