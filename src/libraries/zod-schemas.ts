/** The parts of zod that are read before the first picture. Named one by one, so that a bundle can leave out the rest. */
export {
  array,
  boolean,
  enum,
  type infer,
  int,
  literal,
  number,
  object,
  type output,
  prettifyError,
  record,
  strictObject,
  string,
  tuple,
  type ZodType,
} from 'zod';
