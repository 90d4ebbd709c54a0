import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImagineRequest, pictureSettings } from '../bot/job.ts';
import type { Identity } from '../pipeline/checkpoint/fingerprint.ts';
import type { ImageFormat, RgbImage } from '../pipeline/images/image-file.ts';
import { metadataOf } from '../pipeline/images/parameters.ts';
import type { WuerstchenCombinedPipeline } from '../pipeline/pipelines/combined-pipeline.ts';
import type { Timings } from '../pipeline/pipelines/pipeline-options.ts';
import type { Provider } from '../pipeline/runtime/providers.ts';
import { VERSION } from '../pipeline/version.ts';
import { UserError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { once, RecentMap } from '../system/memo.ts';
import { printableJson, printableLine } from '../system/printable.ts';
import { slug } from '../system/slug.ts';
import { t } from '../texts/translate.ts';
import type { MarkingSettings } from './marking-settings.ts';
import type { TerminalMarker } from './terminal-marker.ts';

/** Styles of one command are few. */
const KEPT_IDENTITIES = 8;

/** In place of a folder. */
export const STANDARD_OUTPUT = '-';

export interface WriterOptions {
  /** Folder, which is there, or `STANDARD_OUTPUT`. Reports go to the standard error output then. */
  readonly out: string;
  readonly format: ImageFormat;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly marking: MarkingSettings;
}

export interface FinishedPicture {
  readonly seed: bigint;
  readonly image: RgbImage;
  /** Its share of the time of those that were painted with it. */
  readonly timings: Timings;
}

/** A finished picture, as `--json` prints it. */
interface Report {
  readonly path: string;
  readonly prompt: string;
  readonly style: string;
  readonly seed: string;
  readonly width: number;
  readonly height: number;
  readonly provider: Provider;
  readonly seconds: number;
  readonly encodeSeconds: number;
  readonly timings: Timings;
}

/** Makes files of pictures, each while the next one is painted, and tells of them in their order. */
export class PictureWriter {
  readonly #pipeline: WuerstchenCombinedPipeline;
  readonly #options: WriterOptions;
  /** Of checkpoints by style: files of several pictures are read once. */
  readonly #identities = new RecentMap<string, Promise<Identity>>(KEPT_IDENTITIES);
  #last: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  constructor(pipeline: WuerstchenCombinedPipeline, options: WriterOptions) {
    this.#pipeline = pipeline;
    this.#options = options;
  }

  /** Begins to identify the weights of a style, for the pictures that will be added. */
  identify(style: string): Promise<Identity> {
    const known = this.#identities.get(style);
    if (known) return known;
    const identity = this.#pipeline.identify(style);
    // What it throws is told with the picture.
    identity.catch(() => {});
    this.#identities.set(style, identity);
    // Later pictures of large weights carry their hash, when it is known.
    identity
      .then(async ({ whole, former }) => {
        if (whole) this.#identities.set(style, Promise.resolve({ checkpoint: await whole, former }));
      })
      .catch(() => {});
    return identity;
  }

  /** Begins to get ready for marking pictures, which is loaded behind the first step. */
  prepare(): void {
    this.#marking().catch(() => {});
  }

  readonly #marking = once(async (): Promise<TerminalMarker> => {
    const { openTerminalMarker } = await import('./terminal-marker.ts');
    return openTerminalMarker(this.#options.marking, (problem) => process.stderr.write(`${printableLine(problem)}\n`));
  });

  /** Waits for the picture before this one. @throws UserError `out_unwritable` when that could not be written */
  async add(request: ImagineRequest, picture: FinishedPicture): Promise<void> {
    await this.finish();
    this.#last = this.#write(request, picture).then(
      (report) => this.#tell(report),
      (error: unknown) => {
        this.#failure = { error };
      },
    );
  }

  /** @throws UserError `out_unwritable` when the last picture could not be written */
  async finish(): Promise<void> {
    await this.#last;
    if (this.#failure) throw this.#failure.error;
  }

  #tell(report: Report): void {
    const { path, seed, seconds } = report;
    const { json, out, quiet } = this.#options;
    const line = json
      ? printableJson(report)
      : [printableLine(path), t('seed {seed}', { seed }), t('{seconds} s', { seconds })].join('  ');
    if (out !== STANDARD_OUTPUT) process.stdout.write(`${line}\n`);
    else if (json || !quiet) process.stderr.write(`${line}\n`);
  }

  async #write(request: ImagineRequest, { seed, image, timings }: FinishedPicture): Promise<Report> {
    const start = performance.now();
    const { prompt, style } = request;
    const { out, format } = this.#options;
    const { width, height } = image;
    const metadata = metadataOf({
      ...pictureSettings(request),
      ...{ seed, width, height },
      model: this.#pipeline.name,
      checkpoint: (await this.identify(style)).checkpoint,
      provider: this.#pipeline.computedBy,
      version: VERSION,
    });
    const bytes = await (await this.#marking()).encode(image, { format, metadata });
    const path =
      out === STANDARD_OUTPUT
        ? await writeOut(bytes)
        : await writeNew(out, `${slug(prompt)}-${seed}`, format === 'jpeg' ? 'jpg' : format, bytes);
    return {
      ...{ path, prompt, style, seed: String(seed), width, height },
      provider: this.#pipeline.runtime.provider,
      seconds: round(timings.total / 1000),
      encodeSeconds: round((performance.now() - start) / 1000),
      timings,
    };
  }
}

async function writeOut(bytes: Buffer): Promise<string> {
  await new Promise<void>((resolve, reject) =>
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve())),
  );
  return STANDARD_OUTPUT;
}

/** Never overwrites: a taken name gets a number. */
async function writeNew(folder: string, name: string, extension: string, bytes: Buffer): Promise<string> {
  for (let i = 1; ; i += 1) {
    const path = join(folder, `${name}${i > 1 ? `-${i}` : ''}.${extension}`);
    try {
      await writeFile(path, bytes, { flag: 'wx' });
      return path;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      // Half a picture is none.
      await rm(path, { force: true });
      throw new UserError('out_unwritable', t('Cannot write {path}: {reason}.', { path, reason: reasonOf(cause) }), {
        cause,
      });
    }
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
