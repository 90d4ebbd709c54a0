import { z } from '../../system/zod-mini.ts';
import { t } from '../../texts/translate.ts';
import { STYLES } from '../derived-weights/styles.ts';

/**
 * A name inside the models folder: forward slashes, no `..`, no drive, no leading dot, so that joined to a folder it
 * always stays inside it.
 */
const relativePath = z.string().check(
  z.refine((path) => /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/.test(path), {
    error: ({ input }) =>
      t('expected a path inside the models folder such as {example}, got {value}', {
        ...{ example: '"prior/config.json"', value: JSON.stringify(input) },
      }),
  }),
  z.maxLength(200),
);

export const folderName = relativePath.check(
  z.refine((name) => !name.includes('/'), {
    error: ({ input }) =>
      t('expected one folder name such as {example}, got {value}', {
        ...{ example: '"wuerstchen-prior"', value: JSON.stringify(input) },
      }),
  }),
);

export const repositorySchema = z.strictObject({
  /** `owner/name` on the hub. */
  repo: z.string().check(
    z.refine((name) => /^\w[\w.-]*\/\w[\w.-]*$/.test(name), {
      error: ({ input }) => t('expected owner/name as on the hub, got {value}', { value: JSON.stringify(input) }),
    }),
  ),
  /** Folder inside the model folder; the hub's own name of the repository. */
  folder: folderName,
  /** Branch, tag or commit that `pull` starts from; the commit it resolved to is in the lock file. */
  revision: z._default(z.string().check(z.minLength(1)), 'main'),
  /** Fetched only if this style is asked for; repositories without a style always are. */
  style: z.optional(z.enum(STYLES)),
  /** Fetched only if asked for: what requests need that start from pictures. */
  part: z.optional(z.literal('image-encoder')),
  purpose: z.string(),
  license: z.string(),
  files: z.array(relativePath),
  /** Fetched where the hub has them. */
  optional: z.optional(z.array(relativePath)),
  /** Path without `.safetensors`: a precision variant stands in between (`model.fp16.safetensors`). */
  weights: z.array(relativePath),
  /** Folders with either `tokenizer.json` or `vocab.json` and `merges.txt`. */
  tokenizers: z._default(z.array(relativePath), []),
  /** When the weights are the same bytes as this folder's of the same model, the repository isn't stored a second time. */
  twin: z.optional(relativePath),
});

export type Repository = z.output<typeof repositorySchema>;
