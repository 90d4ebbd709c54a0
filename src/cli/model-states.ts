import type { ModelStatus } from '../models/store.ts';
import { translatable } from '../texts/translate.ts';

/** How much of a model is on this disk, for people. */
export const MODEL_STATES: Readonly<Record<ModelStatus['state'], string>> = {
  ready: translatable('ready'),
  partial: translatable('partial'),
  absent: translatable('absent'),
};
