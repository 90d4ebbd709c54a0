/** Named one by one, so that a bundle can leave out the rest. */

import { en } from 'zod/locales';
import { config } from 'zod/mini';

export {
  _default,
  array,
  boolean,
  custom,
  enum,
  type infer,
  int,
  literal,
  maxLength,
  minimum,
  minLength,
  number,
  object,
  optional,
  type output,
  pipe,
  positive,
  record,
  refine,
  regex,
  strictObject,
  string,
  transform,
  tuple,
  type ZodMiniType,
} from 'zod/mini';

// Messages that say what was expected; zod/mini has none of its own.
config(en());
