import * as z from 'zod';
import { STYLES } from '../derived-weights/styles.ts';

/**
 * A name inside the models folder: forward slashes, no `..`, no drive, no leading dot, so that joined to a folder it
 * always stays inside it.
 */
const relativePath = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/, {
    error: ({ input }) =>
      `expected a path inside the models folder like "prior/config.json", got ${JSON.stringify(input)}`,
  })
  .max(200);

export const folderName = relativePath.refine((name) => !name.includes('/'), {
  error: ({ input }) => `expected one folder name like "wuerstchen-prior", got ${JSON.stringify(input)}`,
});

export const repositorySchema = z.strictObject({
  /** `owner/name` on the hub. */
  repo: z.string().regex(/^\w[\w.-]*\/\w[\w.-]*$/, {
    error: ({ input }) => `expected owner/name as on the hub, got ${JSON.stringify(input)}`,
  }),
  /** Folder inside the model folder; the hub's own name of the repository. */
  folder: folderName,
  /** Branch, tag or commit that `pull` starts from; the commit it resolved to is in the lock file. */
  revision: z.string().min(1).default('main'),
  /** Fetched only if this style is asked for; repositories without a style always are. */
  style: z.enum(STYLES).optional(),
  purpose: z.string(),
  license: z.string(),
  files: z.array(relativePath),
  /** Path without `.safetensors`: a precision variant stands in between (`model.fp16.safetensors`). */
  weights: z.array(relativePath),
  /** Folders with either `tokenizer.json` or `vocab.json` and `merges.txt`. */
  tokenizers: z.array(relativePath).default([]),
  /** When the weights are the same bytes as this folder's of the same model, the repository isn't stored a second time. */
  twin: relativePath.optional(),
});

export type Repository = z.output<typeof repositorySchema>;
