import { EventEmitter } from 'node:events';
import { RecentMap } from '../../system/memo.ts';
import { type GuildSettings, guildSettingsWithin } from '../command/guild-settings.ts';
import type { StoredSettings } from '../history/settings.ts';
import { type Caller, guildOf, type ImagineRequest, type JobImage, ruledBy, SURFACES } from '../job.ts';
import { keyPaying } from '../keys/api-key.ts';
import type { KeyLimits } from '../keys/key-limits.ts';
import type { Cover } from '../reply.ts';
import { DEFAULT_LIMITS, type KnownLora, type RequestLimits } from '../request-limits.ts';
import { refusalOf, type Words } from './moderation.ts';
import { isHidden, pictureRule } from './picture-cover.ts';

/** What the loaded model says about itself. */
export interface LoadedModel {
  readonly styles: readonly string[];
  /** A number from 0 (base) to 1 (aesthetic) is a style too. @default false */
  readonly mixesStyles?: boolean;
  readonly startsFromPictures?: boolean;
  /** Sizes that the checkpoint can make. */
  readonly sizes?: Partial<Pick<RequestLimits, 'minSide' | 'maxSide' | 'maxPixels' | 'gridStep'>> | undefined;
}

type Where = Pick<Caller, 'surface' | 'guild' | 'payer'>;

/** Far above the guilds of any bot; it only keeps memory bounded. */
const REMEMBERED = 20_000;

/**
 * What holds in a guild: its own settings over the operator's, read once and kept until someone changes one. Emits
 * `changed` then.
 */
export class GuildRules extends EventEmitter<{ changed: [] }> {
  readonly #settings: StoredSettings;
  readonly #loaded: () => LoadedModel | null;
  readonly #base: RequestLimits;
  readonly #loras: () => readonly KnownLora[];
  readonly #behind: (request: Pick<ImagineRequest, 'start'>) => readonly Words[];
  readonly #limitsOfKey: (id: string) => KeyLimits | undefined;
  readonly #classifier: () => string | undefined;
  readonly #known = new RecentMap<string, GuildSettings>(REMEMBERED);
  /** Asked for every waiting party when the order is looked up. */
  readonly #weights = new RecentMap<string, number>(REMEMBERED);
  #someCover: boolean | undefined;

  /**
   * @param model what the model in use says about requests, also before it is loaded
   * @param loras that can be named now
   * @param behind what the pictures that a request starts from were made of, as far as it is known
   * @param limitsOfKey what an API key tightens for itself
   * @param classifier of pictures, by name; `undefined` where none is installed
   */
  constructor(
    settings: StoredSettings,
    loaded: () => LoadedModel | null,
    model: Partial<RequestLimits> = {},
    loras: () => readonly KnownLora[] = () => [],
    behind: (request: Pick<ImagineRequest, 'start'>) => readonly Words[] = () => [],
    limitsOfKey: (id: string) => KeyLimits | undefined = () => undefined,
    classifier: () => string | undefined = () => undefined,
  ) {
    super();
    this.#settings = settings;
    this.#loaded = loaded;
    this.#base = { ...DEFAULT_LIMITS, ...model };
    this.#loras = loras;
    this.#behind = behind;
    this.#limitsOfKey = limitsOfKey;
    this.#classifier = classifier;
  }

  at(where: Where): GuildSettings {
    const id = keyPaying(where);
    const limits = id === null ? undefined : this.#limitsOfKey(id);
    return limits === undefined ? this.#ofGuild(where) : guildSettingsWithin(this.#ofGuild(where), limits);
  }

  #ofGuild(where: Where): GuildSettings {
    const guild = ruledBy(where);
    const key = `${where.surface}/${guild ?? ''}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const read = this.#settings.at(guild === null ? 'everywhere' : { surface: where.surface, guild });
    this.#known.set(key, read);
    return read;
  }

  /**
   * Before a picture is made, and before it is shown anywhere: what a place forbids in it, or in the pictures that it starts
   * from; `undefined` where it may be seen there.
   */
  refusal(request: Words & Pick<ImagineRequest, 'start'>, place: Where & Pick<Caller, 'ageRestricted'>) {
    const here = this.at(place);
    for (const words of [request, ...this.#behind(request)]) {
      const refused = refusalOf(words, place, here);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  /** @throws UserError as `refusal` returns it */
  refuse(...what: Parameters<GuildRules['refusal']>): void {
    const refused = this.refusal(...what);
    if (refused !== undefined) throw refused;
  }

  /** The picture classifier, by name; `undefined` where none is installed. */
  get classifier(): string | undefined {
    return this.#classifier();
  }

  /** Whether new pictures are looked at: wherever they are made, they may be shown where a rule is set. */
  get looksAtPictures(): boolean {
    this.#someCover ??= this.#settings.someCoverPictures;
    return this.#someCover && this.classifier !== undefined;
  }

  /** Whether pictures are looked at before a place sees anything of them. */
  hidesUnfinished(place: Where & Pick<Caller, 'ageRestricted'>): boolean {
    return this.looksAtPictures && this.covers(place);
  }

  /** Whether a place covers pictures that are not safe for work. */
  covers(place: Where & Pick<Caller, 'ageRestricted'>): boolean {
    return pictureRule(this.at(place), place) !== 'off';
  }

  /** How a place shows a picture, as far as the pixels go; `refusal` judges the words. */
  cover(image: Pick<JobImage, 'verdict' | 'overruled'>, place: Where & Pick<Caller, 'ageRestricted'>): Cover {
    const rule = isHidden(image) ? pictureRule(this.at(place), place) : 'off';
    return rule === 'off' ? 'none' : rule;
  }

  /** What a command may ask for here: the checkpoint's limits within the guild's. */
  limits(where: Where): RequestLimits {
    const base = this.checkpoint();
    const { pixels, images } = this.at(where);
    return {
      ...base,
      maxPixels: Math.max(base.minSide ** 2, Math.min(base.maxPixels, pixels ?? base.maxPixels)),
      maxImages: Math.min(base.maxImages, images ?? base.maxImages),
    };
  }

  /** What the loaded checkpoint allows; the defaults before one was ever loaded. */
  checkpoint(): RequestLimits {
    const loaded = this.#loaded();
    const base = { ...this.#base, loras: this.#loras() };
    if (loaded === null) return base;
    const styles = loaded.styles.length > 0 ? loaded.styles : this.#base.styles;
    const first = styles.includes('interpolated') ? ['interpolated'] : [];
    return {
      ...base,
      ...loaded.sizes,
      styles: [...new Set([...first, ...styles])],
      mixesStyles: loaded.mixesStyles ?? false,
      startsFromPictures: loaded.startsFromPictures ?? false,
    };
  }

  /**
   * Weight in the queue of whoever pays.
   * @param key `surface/payer`; a payer's id ends in the guild's
   */
  weight(key: string): number {
    const known = this.#weights.get(key);
    if (known !== undefined) return known;
    const slash = key.indexOf('/');
    const surface = SURFACES.find((one) => one === key.slice(0, slash)) ?? 'web';
    const payer = key.slice(slash + 1);
    const { weight } = this.at({ surface, guild: guildOf(payer) ?? payer, payer });
    this.#weights.set(key, weight);
    return weight;
  }

  /** After a setting was changed. */
  forget(): void {
    this.#known.clear();
    this.#weights.clear();
    this.#someCover = undefined;
    this.emit('changed');
  }
}
