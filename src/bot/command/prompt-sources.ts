import { NO_PRESETS, type Presets } from './presets.ts';
import { NO_WILDCARDS, type Wildcards } from './wildcards.ts';

/** Values that hold where nothing is typed. */
export interface DefaultsLayer {
  /** As `origins.ts` has it. */
  readonly origin: string;
  /** As they are typed, by the names of their keys. */
  readonly values: Readonly<Record<string, string>>;
}

/** What a place allows at most, by what is asked for: steps of either stage, pixels of a picture. */
export const MAXIMA = ['n', 'pixels', 'steps', 'guidance'] as const;
export type MaximumName = (typeof MAXIMA)[number];

export interface Maximum {
  readonly name: MaximumName;
  readonly most: number;
  readonly place: 'channel' | 'guild';
}

/** What people and places have saved for prompts, as it holds for one caller. */
export interface PromptSources {
  readonly presets: Presets;
  readonly wildcards: Wildcards;
  /** The first one that has a value counts. */
  readonly layers: readonly DefaultsLayer[];
  readonly maxima: readonly Maximum[];
}

export const NO_SOURCES: PromptSources = { presets: NO_PRESETS, wildcards: NO_WILDCARDS, layers: [], maxima: [] };
