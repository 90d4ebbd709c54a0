import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Contents, DECODER_CONTENTS, PRIOR_CONTENTS, STAGE_C_CONTENTS } from '../pipeline/checkpoint/contents.ts';
import { folderName, type Repository, repositorySchema } from '../pipeline/hub/repository.ts';
import { generationConfig } from '../pipeline/images/generation-config.ts';
import { OperatorError, type OperatorErrorOptions, type OperatorText } from '../system/errors.ts';
import { reasonOf, ruleBroken } from '../system/foreign-words.ts';
import { z } from '../system/zod-mini.ts';
import { t, translatable } from '../texts/translate.ts';

const side = z.int().check(z.positive());

const modelSchema = z.strictObject({
  name: folderName,
  purpose: z.string(),
  license: z.string(),
  /** [width, height] in pixels that the checkpoint was trained on. */
  nativeSizes: z.array(z.tuple([side, side])),
  /** As in `generation_config.json`, for a folder without that file. */
  recommended: z.optional(generationConfig),
  /** Embedded models come with the program: nothing to fetch, never removed. */
  embedded: z._default(z.boolean(), false),
  repositories: z.array(repositorySchema).check(
    z.refine((all) => new Set(all.map(({ folder }) => folder.toLowerCase())).size === all.length, {
      error: () => t('two repositories have the same folder'),
    }),
  ),
});

/** Of `manifest.json`. */
export const manifestSchema = z.strictObject({
  models: z.array(modelSchema).check(
    z.refine((all) => new Set(all.map(({ name }) => name.toLowerCase())).size === all.length, {
      error: () => t('two models have the same name'),
    }),
  ),
});

export type ModelEntry = z.output<typeof modelSchema>;
export interface Manifest {
  readonly models: readonly ModelEntry[];
}

const BASE = { ...STAGE_C_CONTENTS, style: 'base' } as const;
const AESTHETIC = { ...STAGE_C_CONTENTS, style: 'aesthetic' } as const;
const IMAGE_ENCODER = { ...STAGE_C_CONTENTS, part: 'image-encoder' } as const;
const INTERPOLATED = { ...STAGE_C_CONTENTS, style: 'interpolated', twin: 'wuerstchen-prior/prior' } as const;

/**
 * Every checkpoint the program knows by name. Revisions, sizes and hashes are not written here: they are read from the
 * hub when a model is pulled and kept in its lock file. It is what the schema would make of it, which a test holds: to
 * check it at every start would take longer than everything else that is read.
 *
 * Licences and native sizes are those of the model cards at https://huggingface.co/warp-ai.
 */
export const BUILT_IN_MANIFEST: Manifest = {
  models: [
    {
      name: 'cocktail',
      purpose: translatable('small model that comes with wuerst: emoji-like things on coloured backgrounds'),
      license: 'MIT',
      nativeSizes: [
        [1024, 1024],
        [1024, 1536],
        [1536, 1024],
        [1280, 1024],
      ],
      embedded: true,
      repositories: [
        repository('cocktail/wuerstchen-prior', 'words and Stage C, style interpolated', PRIOR_CONTENTS),
        repository('cocktail/wuerstchen', 'Stage B, Stage A and their words', DECODER_CONTENTS),
        repository('cocktail/wuerstchen-prior-model-base', 'Stage C: flat drawings', BASE),
        repository('cocktail/wuerstchen-prior-model-finetuned', 'Stage C: glossy drawings', AESTHETIC),
        repository('cocktail/image-encoder', 'pictures to start from', IMAGE_ENCODER),
      ],
    },
    {
      name: 'wuerstchen-v2',
      purpose: translatable('the published 3.1-billion-parameter checkpoints: pictures of anything'),
      license: 'MIT',
      nativeSizes: [
        [1024, 1024],
        [1024, 1536],
        [1536, 1024],
        [1536, 1536],
      ],
      embedded: false,
      recommended: {
        ideas: [
          'a red fox in the snow, golden hour',
          'a market stall of glowing lanterns, ink and watercolour',
          'a dachshund astronaut, studio photograph',
          'a bratwurst grill at the edge of a Norwegian fjord',
        ],
      },
      repositories: [
        repository('warp-ai/wuerstchen-prior', 'words and Stage C', PRIOR_CONTENTS),
        repository('warp-ai/wuerstchen', 'Stage B, Stage A and their words', DECODER_CONTENTS),
        repository(
          'warp-ai/wuerstchen-prior-model-interpolated',
          'Stage C: the mean of base and aesthetic',
          INTERPOLATED,
        ),
        repository('warp-ai/wuerstchen-prior-model-base', 'Stage C before fine-tuning', BASE),
        repository('warp-ai/wuerstchen-prior-model-finetuned', 'Stage C: very artistic, best at 1024x1024', AESTHETIC),
        repository('warp-ai/EfficientNetEncoder', 'pictures to start from', IMAGE_ENCODER),
      ],
    },
  ],
};

function repository(
  repo: string,
  purpose: string,
  about: Contents & Partial<Pick<Repository, 'style' | 'part' | 'twin'>>,
) {
  const [files, weights, tokenizers] = [[...about.files], [...about.weights], [...about.tokenizers]];
  return {
    revision: 'main',
    ...about,
    files,
    weights,
    tokenizers,
    repo,
    folder: basename(repo),
    purpose,
    license: 'MIT',
  };
}

/**
 * The built-in models and those of `manifest.json` in the models folder, where an operator names further checkpoints
 * of the same layout.
 *
 * @throws OperatorError `manifest_invalid`, naming the entry, what was expected and what it is
 */
export function readManifest(modelsDir: string): Manifest {
  const path = join(modelsDir, 'manifest.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return BUILT_IN_MANIFEST;
    throw invalid(() => t('Cannot read {path}: {reason}.', { path, reason: reasonOf(cause) }), { cause });
  }
  const own = parseManifest(text, path);
  const taken = own.models.find(({ name }) => BUILT_IN_MANIFEST.models.some((model) => model.name === name));
  if (taken) {
    throw invalid(
      () => t('The manifest {path} names a model "{name}", which is built in.', { path, name: taken.name }),
      { hint: () => t('Give it another name.') },
    );
  }
  return { models: [...BUILT_IN_MANIFEST.models, ...own.models.map((model) => ({ ...model, embedded: false }))] };
}

function parseManifest(text: string, path: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(() => t('The manifest {path} is not JSON: {reason}.', { path, reason: reasonOf(cause) }), { cause });
  }
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  const wrong = () => {
    const [issue] = manifestSchema.safeParse(json).error?.issues ?? [];
    return { path, key: issue?.path.join('.') ?? '', reason: ruleBroken(issue) };
  };
  throw invalid(() => t('The manifest {path} is wrong at {key}: {reason}.', wrong()), {
    hint: () => t('Every folder and file is a plain relative name; see the built-in models for an example.'),
  });
}

function invalid(message: OperatorText, about: OperatorErrorOptions): OperatorError {
  return new OperatorError('manifest_invalid', message, about);
}
