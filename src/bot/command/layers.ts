import { stepCount } from '../../pipeline/images/stage-c-steps.ts';
import type { ImagineRequest } from '../job.ts';
import { fits, type RequestLimits, shrunk } from '../request-limits.ts';
import { FIELD_KEYS, type Field, KEYS, type Key, keyNamed, type RequestField, type RequestSettings } from './keys.ts';
import { formatLoras } from './loras.ts';
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
      if (read.note !== undefined) notes.push(`The ${name}:${typed} of ${whose(origin)} ${read.note}.`);
      for (const field of missing) {
        if (read.settings[field] === undefined) continue;
        Object.assign(settings, { [field]: read.settings[field] });
        origins[field] = origin;
      }
    }
  }
  return withSizeThatFits({ settings, origins, notes }, chosen, limits);
}

function whose(origin: string): string {
  return origin.startsWith('preset') ? `the ${origin}` : origin;
}

function nearestTo(
  key: Key,
  typed: string,
  limits: RequestLimits,
): { readonly settings: RequestSettings; readonly note?: string } {
  const reading = key.read(typed, limits);
  if ('value' in reading) return { settings: reading.value };
  const again = reading.instead === null ? reading : key.read(reading.instead, limits);
  if ('value' in again) return { settings: again.value, note: `is not allowed here and became ${reading.instead}` };
  return { settings: {}, note: 'is not allowed here and was left out' };
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
    const note = `${size.width}×${size.height} is more than is allowed here and became ${became}.`;
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
    const shown = FIELD_KEYS.filter(({ field }) => field in changed).map(
      ({ key, field }) => `${key.name}:${shownValue(result, field)} in place of ${shownValue(before, field)}`,
    );
    notes.push(
      `${place.charAt(0).toUpperCase()}${place.slice(1)} allows ${most} ${WHAT[name]} at most: ${shown.join(', ')}.`,
    );
    const origins = Object.fromEntries(Object.keys(changed).map((field) => [field, `the limit of ${place}`]));
    if (request.origins !== undefined) result = { ...result, origins: { ...result.origins, ...origins } };
  }
  return { request: result, notes };
}

const WHAT: Readonly<Record<Maximum['name'], string>> = {
  n: 'pictures a request',
  pixels: 'pixels a picture',
  steps: 'steps',
  guidance: 'as guidance',
};

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
