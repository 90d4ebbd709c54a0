import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { contactSheet } from '../images/contact-sheet.ts';
import type { RgbImage } from '../images/image-file.ts';
import type { Tensor } from '../math/tensor.ts';
import type { StepEvent } from '../pipelines/pipeline-options.ts';
import { PreviewMap, type PreviewShape } from './preview-map.ts';

type PreviewStage = StepEvent['stage'];
export type PreviewMaps = Readonly<Record<PreviewStage, PreviewMap>>;

const schema = z.object({ checkpoint: z.string(), prior: z.unknown(), decoder: z.unknown() });
export type PreviewMapsJson = z.infer<typeof schema>;

/** The networks whose latents are shown. */
interface Latents {
  readonly prior: { readonly prior: { readonly config: { readonly c_in: number } } };
  readonly decoder: { readonly decoder: { readonly config: { readonly c_in: number } } };
}

/**
 * Stage C's cells are large: each affects its neighbours too, and covers more than one colour. Stage B's are small enough
 * to have one colour each.
 */
function shapes({ prior, decoder }: Latents): Readonly<Record<PreviewStage, PreviewShape>> {
  return {
    prior: { channels: prior.prior.config.c_in, context: 3, parts: 4 },
    decoder: { channels: decoder.decoder.config.c_in, context: 1, parts: 1 },
  };
}

/** Maps that have not learned anything yet. */
export function newPreviewMaps(pipeline: Latents): PreviewMaps {
  const { prior, decoder } = shapes(pipeline);
  return { prior: new PreviewMap(prior), decoder: new PreviewMap(decoder) };
}

/** Maps as `previewMapsJson` wrote them; `null` for maps of other checkpoints and for anything else. */
export function readPreviewMaps(
  json: unknown,
  pipeline: Latents,
  ...checkpoints: readonly string[]
): PreviewMaps | null {
  const parsed = schema.safeParse(json);
  if (!parsed.success || !checkpoints.includes(parsed.data.checkpoint)) return null;
  try {
    const maps = { prior: PreviewMap.fromJson(parsed.data.prior), decoder: PreviewMap.fromJson(parsed.data.decoder) };
    const wanted = shapes(pipeline);
    const fits = (stage: PreviewStage) => JSON.stringify(maps[stage].shape) === JSON.stringify(wanted[stage]);
    return fits('prior') && fits('decoder') ? maps : null;
  } catch {
    // A map can be learned again: a broken one should not stop pictures from being made.
    return null;
  }
}

export function previewMapsJson({ prior, decoder }: PreviewMaps, checkpoint: string): PreviewMapsJson {
  return { checkpoint, prior: prior.toJson(), decoder: decoder.toJson() };
}

/** What lies beside the checkpoints in a model folder, or `null`. */
export async function shippedPreviewMaps(model: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(model, 'preview.json'), 'utf8'));
  } catch {
    return null;
  }
}

export interface PreviewerOptions {
  readonly maps: PreviewMaps;
  /** Number of pictures to learn from; 0 for maps that are finished. */
  readonly learnUntil: number;
  /** Least time between two previews, in milliseconds. */
  readonly everyMs: number;
  /** A clock in milliseconds, with any origin. */
  readonly now: () => number;
}

/** Below this share of signal the predicted clean latents are amplified noise. */
const MIN_SIGNAL = 0.01;

/** Shows what is being painted, and learns from finished pictures. */
export class Previewer {
  readonly #options: PreviewerOptions;
  /** When each request had its last one. */
  readonly #last = new WeakMap<object, number>();

  constructor(options: PreviewerOptions) {
    this.#options = options;
  }

  /** A small JPEG of all pictures in a step of a request, or `null`: too soon, too noisy, or nothing learned yet. */
  async show(
    step: Pick<StepEvent, 'stage' | 'timestep' | 'predictedClean'>,
    request: { readonly width: number; readonly height: number },
  ): Promise<Uint8Array | null> {
    const { maps, everyMs, now } = this.#options;
    const map = maps[step.stage];
    // cos² is the scheduler's ᾱ, apart from its small offset.
    const signal = Math.cos((step.timestep * Math.PI) / 2) ** 2;
    if (
      map.pictures === 0 ||
      signal < MIN_SIGNAL ||
      now() - (this.#last.get(request) ?? Number.NEGATIVE_INFINITY) < everyMs
    )
      return null;
    const preview = await contactSheet(map.paint(step.predictedClean()), request);
    this.#last.set(request, now());
    return preview;
  }

  get learns(): boolean {
    const { maps, learnUntil } = this.#options;
    return maps.prior.pictures < learnUntil || maps.decoder.pictures < learnUntil;
  }

  learn(stage: PreviewStage, latents: Tensor, picture: RgbImage): void {
    const map = this.#options.maps[stage];
    if (map.pictures < this.#options.learnUntil) map.fit([{ latents, picture }]);
  }
}
