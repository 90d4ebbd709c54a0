/** Named one by one, so that a bundle can leave out the rest. */

import { en } from 'zod/locales';
import { config } from 'zod/mini';

export {
  _default,
  array,
  boolean,
  enum,
  type infer,
  int,
  literal,
  minimum,
  minLength,
  number,
  object,
  type output,
  positive,
  record,
  refine,
  regex,
  string,
  type ZodMiniType,
} from 'zod/mini';

// Messages that say what was expected; zod/mini has none of its own.
config(en());
