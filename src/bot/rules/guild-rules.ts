import type { GuildSettings } from '../command/guild-settings.ts';
import type { Place, Settings } from '../history/settings.ts';
import { type Caller, SURFACES } from '../job.ts';
import { type CommandLimits, DEFAULT_LIMITS } from '../request-limits.ts';

/** What the loaded checkpoint says about itself. */
export interface Loaded {
  readonly styles: readonly string[];
  /** A number from 0 (base) to 1 (aesthetic) is a style too. @default false */
  readonly mixesStyles?: boolean;
  /** Sizes that the checkpoint can make. */
  readonly sizes?: Partial<Pick<CommandLimits, 'minSide' | 'maxSide' | 'maxPixels' | 'gridStep'>>;
}

type Where = Pick<Caller, 'surface' | 'guild'>;

/** Far above the guilds of any bot; it only keeps memory bounded. */
const REMEMBERED = 20_000;

/** What holds where: settings of the guild over those of the operator, read once and kept until someone changes one. */
export class HouseRules {
  readonly #settings: Settings;
  readonly #loaded: () => Loaded | null;
  readonly #onChange: () => void;
  readonly #known = new Map<string, GuildSettings>();
  /** Asked for every waiting party when the order is looked up. */
  readonly #weights = new Map<string, number>();

  /** @param onChange called after someone changed a setting */
  constructor(settings: Settings, loaded: () => Loaded | null, onChange: () => void) {
    this.#settings = settings;
    this.#loaded = loaded;
    this.#onChange = onChange;
  }

  at(where: Where): GuildSettings {
    const key = `${where.surface}/${where.guild ?? ''}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    const read = this.#settings.at(placeOf(where));
    this.#known.set(key, read);
    return read;
  }

  /** What a command may ask for here: the checkpoint's limits within the guild's. */
  limits(where: Where): CommandLimits {
    const base = this.checkpoint();
    const { pixels, images } = this.at(where);
    return {
      ...base,
      maxPixels: Math.max(base.minSide ** 2, Math.min(base.maxPixels, pixels ?? base.maxPixels)),
      maxImages: Math.min(base.maxImages, images ?? base.maxImages),
    };
  }

  checkpoint(): CommandLimits {
    const loaded = this.#loaded();
    if (loaded === null) return DEFAULT_LIMITS;
    const styles = loaded.styles.length > 0 ? loaded.styles : DEFAULT_LIMITS.styles;
    const first = styles.includes('interpolated') ? ['interpolated'] : [];
    return {
      ...DEFAULT_LIMITS,
      ...loaded.sizes,
      styles: [...new Set([...first, ...styles])],
      mixesStyles: loaded.mixesStyles ?? false,
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
    const { weight } = this.at({ surface, guild: payer.slice(payer.lastIndexOf(':') + 1) });
    if (this.#weights.size >= REMEMBERED) this.#weights.clear();
    this.#weights.set(key, weight);
    return weight;
  }

  /** After a setting was changed. */
  forget(): void {
    this.#known.clear();
    this.#weights.clear();
    this.#onChange();
  }
}

export function placeOf({ surface, guild }: Where): Place {
  return guild === null ? 'everywhere' : { surface, guild };
}
