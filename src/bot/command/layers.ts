import { stepCount } from '../../pipeline/images/stage-c-steps.ts';
import { t, translatable } from '../../texts/translate.ts';
import type { ImagineRequest } from '../job.ts';
import { fits, type RequestLimits, shrunk } from '../request-limits.ts';
import { FIELD_KEYS, type Field, KEYS, type Key, keyNamed, type RequestField, type RequestSettings } from './keys.ts';
import { formatLoras } from './loras.ts';
import { DEFAULT_OF, LIMIT_OF, presetIn } from './origins.ts';
import type { DefaultsLayer, Maximum } from './prompt-sources.ts';
import { formatSteps } from './values.ts';

/** By field: what chose its value, for people. */
export type Origins = Readonly<Partial<Record<Field, string>>>;

export interface Chosen {
  readonly settings: RequestSettings;
  readonly origins: Origins;
  /** What could not be had as it was saved. */
  readonly notes: readonly string[];
}

/**
 * What `layers` have for the fields that nothing was chosen for. Limits may have changed since they were saved: a value
 * becomes the nearest one that is allowed.
 */
export function withLayers(chosen: Chosen, layers: readonly DefaultsLayer[], limits: RequestLimits): Chosen {
  const settings: RequestSettings = { ...chosen.settings };
  const origins: Partial<Record<Field, string>> = { ...chosen.origins };
  const notes: string[] = [...chosen.notes];
  for (const { origin, values } of layers) {
    // Two keys of one layer that fill the same field exclude each other when they are saved.
    for (const [name, typed] of Object.entries(values)) {
      const key = keyNamed(name);
      const missing = key?.fields.filter((field) => settings[field] === undefined) ?? [];
      if (key === null || missing.length === 0) continue;
      const read = nearestTo(key, typed, limits);
      if (read.note !== undefined) notes.push(read.note(`${name}:${typed}`, origin));
      for (const field of missing) {
        if (read.settings[field] === undefined) continue;
        Object.assign(settings, { [field]: read.settings[field] });
        origins[field] = origin;
      }
    }
  }
  return withSizeThatFits({ settings, origins, notes }, chosen, limits);
}

/** What is said where the value of a layer was replaced, by its origin; behind them, where it comes from a preset. */
const REPLACED = {
  [DEFAULT_OF.person]: translatable('The {setting} of your default is not allowed here and became {instead}.'),
  [DEFAULT_OF.channel]: translatable(
    "The {setting} of the channel's default is not allowed here and became {instead}.",
  ),
  [DEFAULT_OF.guild]: translatable("The {setting} of the server's default is not allowed here and became {instead}."),
} as const;

const LEFT_OUT = {
  [DEFAULT_OF.person]: translatable('The {setting} of your default is not allowed here and was left out.'),
  [DEFAULT_OF.channel]: translatable("The {setting} of the channel's default is not allowed here and was left out."),
  [DEFAULT_OF.guild]: translatable("The {setting} of the server's default is not allowed here and was left out."),
} as const;

function replacedNote(setting: string, origin: string, instead: string): string {
  const preset = presetIn(origin) ?? origin;
  return Object.hasOwn(REPLACED, origin)
    ? t(REPLACED[origin as keyof typeof REPLACED], { setting, instead })
    : t('The {setting} of the preset {preset} is not allowed here and became {instead}.', { setting, preset, instead });
}

function leftOutNote(setting: string, origin: string): string {
  const preset = presetIn(origin) ?? origin;
  return Object.hasOwn(LEFT_OUT, origin)
    ? t(LEFT_OUT[origin as keyof typeof LEFT_OUT], { setting })
    : t('The {setting} of the preset {preset} is not allowed here and was left out.', { setting, preset });
}

function nearestTo(
  key: Key,
  typed: string,
  limits: RequestLimits,
): { readonly settings: RequestSettings; readonly note?: (setting: string, origin: string) => string } {
  const reading = key.read(typed, limits);
  if ('value' in reading) return { settings: reading.value };
  const { instead } = reading;
  const again = instead === null ? reading : key.read(instead, limits);
  if (instead === null || !('value' in again)) return { settings: {}, note: leftOutNote };
  return { settings: again.value, note: (setting, origin) => replacedNote(setting, origin, instead) };
}

/** Sides that layers chose make way where they do not fit. */
function withSizeThatFits(all: Chosen, chosen: Chosen, limits: RequestLimits): Chosen {
  const { width, height, ...rest } = all.settings;
  const isLayered = (side: 'width' | 'height') => all.settings[side] !== chosen.settings[side];
  if (!isLayered('width') && !isLayered('height')) return all;
  const size = { width: width ?? limits.defaultWidth, height: height ?? limits.defaultHeight };
  if (fits(size, limits)) return all;
  const smaller = shrunk(size, limits);
  const became = `${smaller.width}×${smaller.height}`;
  if (chosen.settings.width === undefined && chosen.settings.height === undefined) {
    const note = t('{size} is more than is allowed here and became {smaller}.', {
      size: `${size.width}×${size.height}`,
      smaller: became,
    });
    return { ...all, settings: { ...all.settings, ...smaller }, notes: [...all.notes, note] };
  }
  const { width: typedWidth, height: typedHeight } = chosen.settings;
  const typed = {
    ...(typedWidth === undefined ? {} : { width: typedWidth }),
    ...(typedHeight === undefined ? {} : { height: typedHeight }),
  };
  return { ...all, settings: { ...rest, ...typed } };
}

/** The request within what the channel and the guild allow at most, and a sentence for each value that was more. */
export function withinMaxima(
  request: ImagineRequest,
  maxima: readonly Maximum[],
  limits: RequestLimits,
): { readonly request: ImagineRequest; readonly notes: readonly string[] } {
  let result = request;
  const notes: string[] = [];
  for (const { name, most, place } of maxima) {
    const changed = changeFor(result, name, most, limits);
    if (Object.keys(changed).length === 0) continue;
    const before = result;
    result = { ...result, ...changed };
    const changes = FIELD_KEYS.filter(({ field }) => field in changed)
      .map(({ key, field }) =>
        t('{setting} in place of {before}', {
          setting: `${key.name}:${shownValue(result, field)}`,
          before: shownValue(before, field),
        }),
      )
      .join(', ');
    notes.push(t(AT_MOST[place][name], { most, changes }));
    const origins = Object.fromEntries(Object.keys(changed).map((field) => [field, LIMIT_OF[place]]));
    if (request.origins !== undefined) result = { ...result, origins: { ...result.origins, ...origins } };
  }
  return { request: result, notes };
}

const AT_MOST = {
  channel: {
    n: translatable('This channel allows {most} pictures a request at most: {changes}.'),
    pixels: translatable('This channel allows {most} pixels a picture at most: {changes}.'),
    steps: translatable('This channel allows {most} steps at most: {changes}.'),
    guidance: translatable('This channel allows {most} as guidance at most: {changes}.'),
  },
  guild: {
    n: translatable('This server allows {most} pictures a request at most: {changes}.'),
    pixels: translatable('This server allows {most} pixels a picture at most: {changes}.'),
    steps: translatable('This server allows {most} steps at most: {changes}.'),
    guidance: translatable('This server allows {most} as guidance at most: {changes}.'),
  },
} as const;

function shownValue(request: ImagineRequest, field: RequestField): string {
  return field === 'steps' ? formatSteps(request.steps) : String(request[field]);
}

function changeFor(request: ImagineRequest, name: Maximum['name'], most: number, limits: RequestLimits) {
  const { n, width, height, steps, decoderSteps, guidance, decoderGuidance } = request;
  switch (name) {
    case 'n':
      return n > most ? { n: most } : {};
    case 'pixels':
      return width * height > most
        ? shrunk({ width, height }, { ...limits, maxPixels: Math.max(most, limits.minSide ** 2) })
        : {};
    case 'steps':
      return {
        ...(stepCount(steps) > most ? { steps: most } : {}),
        ...(decoderSteps > most ? { decoderSteps: most } : {}),
      };
    case 'guidance':
      return {
        ...(guidance > most ? { guidance: most } : {}),
        ...(decoderGuidance > most ? { decoderGuidance: most } : {}),
      };
  }
}

/** Settings as they are typed, by the names of their keys. */
export function typedForm(settings: RequestSettings): Readonly<Record<string, string>> {
  return Object.fromEntries(
    KEYS.flatMap(({ name, fields: [field, ...more] }) => {
      const value = field === undefined || more.length > 0 ? undefined : settings[field];
      if (value === undefined || (value === null && field !== 'steps')) return [];
      if (field === 'steps') return [[name, formatSteps(settings.steps ?? null)]];
      if (field === 'loras') return [[name, formatLoras(settings.loras ?? [])]];
      return [[name, value === true ? 'yes' : value === false ? 'no' : String(value)]];
    }),
  );
}
