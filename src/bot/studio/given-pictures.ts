import { checkBytes, HEAD_BYTES, pictureKind } from '../../pipeline/images/picture-kind.ts';
import { type PictureFacts, PictureReader } from '../../pipeline/images/picture-reader.ts';
import type { Clock } from '../../system/clock.ts';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { History } from '../history/history.ts';
import type { Caller } from '../job.ts';
import type { Painters } from '../jobs/painters.ts';
import { PERSON_BOUNDS } from '../person-bounds.ts';
import { RateLimit, TooOften } from '../rate-limit.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { refuseBlocked } from '../rules/moderation.ts';

/** Pixels of the longer side of a mask that is made of a picture's transparency: finer ones would not show. */
const MASK_SIDE = 2048;
/** Pictures that wait to be read. Each may take seconds. */
const MOST_WAITING = 30;

interface Options {
  readonly history: History;
  readonly rules: GuildRules;
  readonly painters: Pick<Painters, 'info'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Takes the pictures that people give. */
export class GivenPictureFiles {
  readonly #options: Options;
  readonly #reader = new PictureReader();
  readonly #rate: RateLimit;
  readonly #bytes: RateLimit;
  #waiting = 0;

  constructor(options: Options) {
    this.#options = options;
    const monotonic = () => options.clock.monotonic();
    this.#rate = new RateLimit(PERSON_BOUNDS.pictures, monotonic);
    this.#bytes = new RateLimit(PERSON_BOUNDS.pictureBytes, monotonic);
  }

  /**
   * Checks a picture and stores its file. Resolves to its hash.
   *
   * @throws UserError `pictures_unsupported`, `pictures_too_often`, `pictures_busy`, `blocked_user`, `mask_opaque`, and what is wrong
   *   with the picture; OperatorError as `Images.give`
   */
  async take(content: Uint8Array, caller: Caller, { asMask = false }: { readonly asMask?: boolean } = {}) {
    const { history, rules } = this.#options;
    this.#requireEncoder();
    refuseBlocked(caller, rules.at(caller));
    checkBytes(content.byteLength);
    pictureKind(content.subarray(0, HEAD_BYTES));
    const person = `${caller.surface} ${caller.user}`;
    const wait = Math.max(this.#rate.take(person), this.#bytes.take(person, content.byteLength));
    if (wait > 0) throw new TooOften('pictures_too_often', t('You give pictures faster than they can be read.'), wait);
    if (this.#waiting >= MOST_WAITING) {
      throw new UserError('pictures_busy', t('Too many pictures wait to be read.'), {
        ...{ hint: t('Try again in a minute.'), retryAfter: 60 },
      });
    }
    this.#waiting += 1;
    try {
      const hash = await history.images.give(content);
      try {
        const facts = await this.#reader.inspect(history.images.givenPath(hash) ?? '');
        if (!asMask) return hash;
        const mask = await history.images.give(await this.#maskOf(hash, facts));
        if (mask !== hash) history.images.removeUnused([hash]);
        return mask;
      } catch (error) {
        history.images.removeUnused([hash]);
        throw error;
      }
    } finally {
      this.#waiting -= 1;
    }
  }

  /** White where a picture is transparent. */
  async #maskOf(hash: string, { width, height, hasAlpha }: PictureFacts): Promise<Uint8Array> {
    if (!hasAlpha) {
      throw new UserError('mask_opaque', t('Nothing in this mask is transparent, so nothing would be painted anew.'), {
        hint: t('Make a PNG with an alpha channel that is transparent where the picture is to change.'),
      });
    }
    const scale = Math.min(1, MASK_SIDE / Math.max(width, height));
    const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    const path = this.#options.history.images.givenPath(hash) ?? '';
    const [alpha = new Uint8Array()] = await this.#reader.frames(path, [{ ...size, of: 'alpha' }]);
    const sharp = (await import('sharp')).default;
    return sharp(alpha, { raw: { ...size, channels: 1 } })
      .negate()
      .png()
      .toBuffer();
  }

  /** Before anything is loaded nobody knows; the request will tell. */
  #requireEncoder(): void {
    const { info } = this.#options.painters;
    if (info === null || info.startsFromPictures === true) return;
    throw new UserError('pictures_unsupported', t('The model in use here cannot start from pictures.'), {
      hint: t('Its operator can add what it takes: {command}', { command: 'wuerst models pull --pictures' }),
    });
  }
}
