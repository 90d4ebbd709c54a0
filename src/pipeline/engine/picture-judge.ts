import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere } from '../../system/if-there.ts';
import { readJson } from '../checkpoint/config-file.ts';
import type { RgbImage } from '../images/image-file.ts';
import { PICTURE_CLASSES, type PictureClass } from '../images/picture-classes.ts';
import type { PictureVerdict } from '../images/picture-verdict.ts';
import { PictureClassifier } from '../networks/picture-classifier.ts';
import type { RuntimeOptions } from '../runtime/runtime.ts';

type Shares = Readonly<Record<PictureClass, number>>;

/** docs/moderation.md says what it was chosen by. */
const THRESHOLD = 0.5;
const LONGEST_PROBLEM = 500;

/** Says whether pictures are safe for work, by a network that is loaded for the first of them. */
export class PictureJudge {
  /** Name and version. */
  readonly classifier: string;
  readonly #dir: string;
  readonly #runtime: RuntimeOptions;
  #network: Promise<PictureClassifier> | undefined;

  private constructor(classifier: string, dir: string, runtime: RuntimeOptions) {
    this.classifier = classifier;
    this.#dir = dir;
    this.#runtime = runtime;
  }

  /**
   * The classifier in a folder, in whatever state: one that cannot be used finds every picture doubtful.
   *
   * @returns `undefined` where none is installed
   */
  static async open(dir: string | undefined, runtime: RuntimeOptions): Promise<PictureJudge | undefined> {
    if (dir === undefined || (await ifThere(stat(join(dir, 'config.json')))) === undefined) return undefined;
    const config = await readJson(join(dir, 'config.json')).catch(() => ({}) as Record<string, unknown>);
    const name = [config.package, config.version, config.model].filter((part) => typeof part === 'string').join(' ');
    // It is small, runs once a picture, and leaves the accelerator to the others.
    return new PictureJudge(name || 'unreadable', dir, { ...runtime, provider: 'cpu', precision: 'fp32' });
  }

  /** @throws what `signal` was aborted with; a failure of the classifier is a verdict */
  async judge(image: RgbImage, signal: AbortSignal): Promise<PictureVerdict> {
    const { classifier } = this;
    try {
      this.#network ??= PictureClassifier.load(this.#dir, this.#runtime);
      const network = await this.#network;
      const shares = sharesOf(network.config.classes, await network.classify(image));
      return { classifier, explicit: isExplicit(shares), shares };
    } catch (error) {
      signal.throwIfAborted();
      // The next picture tries it anew: it may have been mended.
      this.#network = undefined;
      const problem = error instanceof Error ? error.message : String(error);
      return { classifier, problem: problem.slice(0, LONGEST_PROBLEM) };
    }
  }
}

function sharesOf(classes: readonly string[], probabilities: Float32Array): Shares {
  const share = (name: string) => Math.min(1, Math.max(0, probabilities[classes.indexOf(name)] ?? 0));
  return Object.fromEntries(PICTURE_CLASSES.map((name) => [name, share(name)])) as Shares;
}

/** It is more likely than not one of the classes that are not safe for work. */
function isExplicit({ porn, hentai, sexy }: Shares): boolean {
  return porn + hentai + sexy >= THRESHOLD;
}
