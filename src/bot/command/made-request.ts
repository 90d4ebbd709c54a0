import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { GivenPictures } from '../core.ts';
import type { ImagineRequest } from '../job.ts';
import { examplePrompt, fits, type RequestLimits, requestDefaults, type Size, shrunk } from '../request-limits.ts';
import { nearest } from './edit-distance.ts';
import { KEYS, type Key, type RequestSettings } from './keys.ts';
import { type Chosen, type Origins, withinMaxima, withLayers } from './layers.ts';
import { isVisible, lengthOf } from './lexer.ts';
import { withDrawnLoras, withoutSettledLoras } from './loras.ts';
import { OLDER, originOfPreset, TYPED, withOriginOfPreset } from './origins.ts';
import { NO_PRESET, type Preset, type Presets, presetsHere } from './presets.ts';
import { CommandProblem, END, quoted } from './problem.ts';
import { type DefaultsLayer, NO_SOURCES, type PromptSources } from './prompt-sources.ts';
import { type PromptTemplates, resolvedTexts } from './prompt-text.ts';
import { removal, type TypedSetting } from './read-settings.ts';
import { isMisfit, type StartMisfit, type StartSettings, startOf } from './start.ts';
import { hasDraws, withoutDraws } from './wildcards.ts';

export interface MakingOptions {
  readonly limits: RequestLimits;
  /** Settings of an older request, for those that are not given. */
  readonly defaults?: Partial<Omit<ImagineRequest, 'prompt'>>;
  /** Pictures that came with the command. @default none */
  readonly pictures?: GivenPictures | undefined;
  /** What people and places have saved. @default nothing */
  readonly sources?: PromptSources;
  /** Drawn once for each request without a seed; its low 32 bits are used. */
  readonly randomSeed: () => bigint;
}

/** Where settings came from. */
export interface GivenSettings {
  readonly typed: readonly TypedSetting[];
  /** Names of native options. */
  readonly native: readonly string[];
}

/** What was asked for. */
export interface Asked {
  readonly template: string;
  /** As it was typed; `undefined` where it was not. */
  readonly negative: string | undefined;
  readonly chosen: RequestSettings;
  /** Settings of an older request. */
  readonly older: RequestSettings;
}

/**
 * The request that was asked for: with what a preset, an older request and defaults have for what was not given, with words
 * drawn, and within what the place allows at most.
 *
 * @throws CommandProblem for what the person can mend; UserError as `startOf` says and `drawn` does
 */
export function requestOf(
  asked: Asked,
  given: GivenSettings,
  { limits, randomSeed, sources, pictures, defaults }: MakingOptions,
): { readonly request: ImagineRequest; readonly notes: readonly string[] } {
  const { presets, wildcards, layers, maxima } = sources ?? NO_SOURCES;
  const { chosen, older } = asked;
  const name = chosen.preset === NO_PRESET ? undefined : chosen.preset;
  const preset = name === undefined ? undefined : presetNamed(name, presets);
  if (name !== undefined && preset === undefined) throw presetUnknown(name, given, presets);
  const all = settingsOf(asked, { name, preset, layers }, limits);
  const { preset: _, seed: wanted, negative: settled = '', ...others } = all.settings;
  const { strength, weights, transparent, loras = [], ...settings } = others;
  const usual = usualStart({ strength, weights, transparent }, pictures);
  const how = { ...usual, ...startSettings(chosen) };
  const start = startOf(how, pictures, defaults?.start);
  if (isMisfit(start)) throw startProblem(start, given);
  const seed = wanted ?? BigInt.asUintN(32, randomSeed());
  // The text of a preset stands in the place of a default.
  const isDefault = older.negative === undefined && (preset?.negative ?? '') !== '';
  const templates = {
    prompt: asked.template,
    negative: asked.negative ?? (isDefault ? '' : nativeTemplate(settled)),
  };
  const { texts, styled, drawnLoras, notes } = resolvedTexts(templates, { preset, wildcards, seed });
  if (start === undefined && !isVisible(texts.prompt)) throw promptMissing(given, limits);
  for (const length of [texts.prompt, texts.negative].map(lengthOf)) {
    if (length > limits.maxPromptLength) throw promptTooLong(length, limits);
  }
  const used = withDrawnLoras(loras, drawnLoras, limits);
  const isSaved = preset !== undefined || layers.length + maxima.length > 0;
  const origins = { ...all.origins, ...presetOrigins(name, styled, templates, all.origins) };
  const request = {
    ...{ ...requestDefaults(limits), ...settings, ...texts, seed },
    ...(start === undefined ? {} : { start }),
    ...(used.length > 0 ? { loras: used } : {}),
    ...(isSaved ? { origins: withoutUnused(origins, how) } : {}),
  };
  if (!fits(request, limits)) throw tooManyPixels(request, given, limits);
  const clamped = withinMaxima(request, maxima, limits);
  return { request: clamped.request, notes: [...all.notes, ...clamped.notes, ...notes] };
}

function startSettings({ strength, weights, transparent }: RequestSettings): Partial<StartSettings> {
  const given = Object.entries({ strength, weights, transparent }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

/** What is saved says how to start from pictures, not that there have to be any, nor how many. */
function usualStart(
  { strength, weights, transparent }: StartSettings,
  pictures: GivenPictures | undefined,
): StartSettings {
  const count = pictures?.pictures.length;
  return {
    strength: count === undefined ? undefined : strength,
    weights: weights?.length === count ? weights : undefined,
    transparent: count === 1 && pictures?.mask === undefined ? transparent : undefined,
  };
}

/** What was chosen, what is in the preset, what an older request had, and defaults, in this order. */
function settingsOf(
  { chosen, older }: Asked,
  saved: {
    readonly name: string | undefined;
    readonly preset: Preset | undefined;
    readonly layers: readonly DefaultsLayer[];
  },
  limits: RequestLimits,
): Chosen {
  const typed = { settings: chosen, origins: originsOf(chosen, TYPED), notes: [] };
  const { name, preset, layers } = saved;
  const own = preset === undefined ? [] : [{ origin: originOfPreset(String(name)), values: preset.settings }];
  const styled = withLayers(typed, own, limits);
  return withLayers({ ...styled, ...withOlder(styled, older) }, layers, limits);
}

/** Of the texts that words of a preset stand in. */
function presetOrigins(
  name: string | undefined,
  styled: readonly ('prompt' | 'negative')[],
  templates: PromptTemplates,
  { negative = TYPED }: Origins,
): Readonly<Record<string, string>> {
  const own = { prompt: TYPED, negative };
  return Object.fromEntries(
    styled.map((of) => [
      of,
      templates[of].trim() === '' ? originOfPreset(String(name)) : withOriginOfPreset(own[of], String(name)),
    ]),
  );
}

/** Without what is saved for pictures and does not hold for those that are given. */
function withoutUnused(origins: Origins, how: StartSettings): Origins {
  const isUsed = (field: string) => !Object.hasOwn(how, field) || how[field as keyof StartSettings] !== undefined;
  return Object.fromEntries(Object.entries(origins).filter(([field]) => isUsed(field)));
}

/** With the LoRAs of its texts, as other programs have them there, among its settings. */
function presetNamed(name: string, presets: Presets): Preset | undefined {
  const preset = presets.get(name);
  if (preset === undefined) return undefined;
  const { text: prompt, loras } = withoutSettledLoras(preset.prompt);
  const { text: negative, loras: more } = withoutSettledLoras(preset.negative);
  const lora = [...loras, ...more].join(', ');
  return { prompt, negative, settings: { ...(lora === '' ? {} : { lora }), ...preset.settings } };
}

/** A native option is text without escapes, but words are drawn for it. */
export function nativeTemplate(text: string): string {
  return hasDraws(text) ? text : withoutDraws(text);
}

function originsOf(settings: RequestSettings, origin: string): Origins {
  const fields = Object.keys(settings).filter((field) => field !== 'preset' && field !== 'seed');
  return Object.fromEntries(fields.map((field) => [field, origin]));
}

/** Settings of an older request, for what neither was typed nor is in a preset. */
function withOlder({ settings, origins }: Chosen, older: RequestSettings): Pick<Chosen, 'settings' | 'origins'> {
  return {
    settings: { ...older, ...settings },
    origins: { ...originsOf(older, OLDER), ...origins },
  };
}

function presetUnknown(name: string, { typed }: GivenSettings, presets: Presets): CommandProblem {
  const setting = typed.find(({ key }) => key.name === 'preset');
  const meant = nearest(name, presets.names, 2);
  const edits = setting && [meant === null ? removal(setting) : { ...setting, text: `preset:${meant}` }];
  return new CommandProblem({
    code: 'preset_unknown',
    message: t('There is no preset {name} here.', { name: quoted(name) }),
    allowed: presetsHere(presets, name),
    ...(edits === undefined ? { options: { preset: meant } } : { edits }),
  });
}

function startProblem({ code, key, message, allowed }: StartMisfit, { typed }: GivenSettings): Error {
  const setting = typed.find((one) => one.key.name === key);
  // No other text would mend what is wrong with the pictures.
  if (setting === undefined) return new UserError(code, message, { hint: allowed });
  return new CommandProblem({ code, message, allowed, edits: [removal(setting)] });
}

function promptMissing({ typed, native }: GivenSettings, limits: RequestLimits): CommandProblem {
  const hasSettings = typed.length + native.length > 0;
  const idea = examplePrompt(limits);
  return new CommandProblem({
    code: 'prompt_missing',
    message: hasSettings ? t('Expected a prompt, got settings only.') : t('Expected a prompt, got nothing.'),
    allowed: t('Say what to paint; settings may go anywhere in it.'),
    ...(hasSettings ? { edits: [{ start: 0, end: 0, text: `${idea} ` }] } : {}),
    example: `${idea} style:${limits.styles.at(-1) ?? 'interpolated'}`,
  });
}

export function promptTooLong(length: number, { maxPromptLength, promptTokens }: RequestLimits): CommandProblem {
  return new CommandProblem({
    code: 'prompt_too_long',
    message: t('Expected a prompt of at most {most} characters, got {length}.', { most: maxPromptLength, length }),
    allowed:
      promptTokens === undefined
        ? undefined
        : t('The model reads {tokens} tokens of a prompt and leaves out the end.', { tokens: promptTokens }),
  });
}

function tooManyPixels(size: Size, { typed, native }: GivenSettings, limits: RequestLimits): CommandProblem {
  const smaller = shrunk(size, limits);
  const instead = `size:${smaller.width}x${smaller.height}`;
  const isSized = (key: Key) => key.fields.includes('width') || key.fields.includes('height');
  const sized = typed.filter(({ key }) => isSized(key));
  const options = KEYS.filter((key) => isSized(key) && native.includes(key.name)).map(({ name }) => [name, null]);
  const edits = sized.map((one, i) => (i === 0 ? { ...one, text: instead } : removal(one)));
  return new CommandProblem({
    code: 'too_many_pixels',
    message: t('Expected a picture of at most {most} pixels, got {size} = {pixels}.', {
      most: limits.maxPixels,
      size: `${size.width}×${size.height}`,
      pixels: size.width * size.height,
    }),
    allowed: t('Each side may have {min} to {max} pixels.', { min: limits.minSide, max: limits.maxSide }),
    ...(options.length > 0
      ? { options: { ...Object.fromEntries(options), size: `${smaller.width}x${smaller.height}` } }
      : { edits: edits.length > 0 ? edits : [{ ...END, text: ` ${instead}` }] }),
  });
}
