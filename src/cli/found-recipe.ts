import * as z from 'zod';
import { FIELD_KEYS, KEYS, type KeyName } from '../bot/command/keys.ts';
import { formatLoras } from '../bot/command/loras.ts';
import { parametersIn } from '../bot/command/parameters-text.ts';
import { formatSteps } from '../bot/command/values.ts';
import { isSchedule } from '../pipeline/images/stage-c-steps.ts';
import { comfyFinding } from './comfy-graph.ts';
import { isPlain, type Json, parsed, record } from './loose-json.ts';

/** Of a program that does not say its name. */
export const UNNAMED = 'another program';
/** Of one that writes the parameters as A1111's web UI does. */
export const LIKE_WEB_UI = "a program that writes like A1111's web UI";

/** What a picture's texts say of how it was made. */
export interface FoundRecipe {
  /** Of the program that made it. */
  readonly program: string;
  readonly prompt: string;
  /** By the names of the command's settings, as they stand in the file. */
  readonly settings: Readonly<Partial<Record<KeyName, string>>>;
  /** For people, as the program wrote it where that can be read. */
  readonly text: string;
  /** Everything that this program wrote. */
  readonly own?: Readonly<Record<string, unknown>>;
  /** Name of the model, where this program painted. */
  readonly model?: string;
  /** Why the command does not give the same picture: it was made from another one, or from one that somebody gave. */
  readonly difference?: 'derived' | 'start';
}

type Texts = Readonly<Record<string, string>>;
type Settings = Partial<Record<KeyName, string>>;

/** The way to make a picture again, in any of the forms in which programs write it; `null` where there is none. */
export function foundRecipe(texts: Texts): FoundRecipe | null {
  return (
    ownRecipe(texts) ??
    invokeRecipe(texts) ??
    comfyRecipe(texts) ??
    webUiRecipe(texts) ??
    jsonRecipe(texts.Comment, texts.Software ?? '') ??
    jsonRecipe(texts.UserComment ?? texts.parameters, '')
  );
}

const ownParameters = z.looseObject({ prompt: z.string(), seed: z.string(), model: z.string() });
const derived = z.object({ verb: z.enum(['vary-subtle', 'vary-strong', 'larger']) });

function ownRecipe(texts: Texts): FoundRecipe | null {
  const { success, data: own } = ownParameters.safeParse(parsed(texts.wuerst));
  if (!success) return null;
  const made = derived.safeParse(parsed(texts['wuerst-recipe']));
  const settings: Settings = {};
  for (const { key, field } of FIELD_KEYS) {
    const value = own[field];
    if (field === 'steps' && (value === null || isSchedule(value))) settings.steps = formatSteps(value);
    else if (field === 'loras') Object.assign(settings, ownLoras(value));
    else if (isPlain(value) && value !== '') settings[key.name] = String(value);
  }
  return {
    program: 'wuerst',
    ...{ prompt: own.prompt, settings, own, model: own.model },
    text: texts.parameters ?? own.prompt,
    ...(made.success ? { difference: 'derived' as const } : {}),
    ...(own.start === undefined ? {} : { difference: 'start' as const }),
  };
}

const lorasInFile = z.array(z.object({ name: z.string(), weight: z.number() })).min(1);

function ownLoras(value: unknown): Settings {
  const { data } = lorasInFile.safeParse(value);
  return data === undefined ? {} : { lora: formatLoras(data) };
}

/** Also the older forms: `sd-metadata`, and `Dream`, a command line. */
function invokeRecipe(texts: Texts): FoundRecipe | null {
  const current = jsonRecipe(texts.invokeai_metadata, 'InvokeAI');
  if (current !== null) return current;
  const older = record(parsed(texts['sd-metadata']))?.image;
  const [part] = array(record(older)?.prompt);
  const prompt = record(part)?.prompt ?? record(older)?.prompt;
  const found = fromJson({ ...record(older), prompt }, 'InvokeAI') ?? dreamRecipe(texts.Dream);
  return found && withBracketsApart(found);
}

const DREAM_FLAGS: Readonly<Record<string, KeyName>> = {
  ...{ s: 'steps', S: 'seed', W: 'width', H: 'height', C: 'guidance' },
};

function dreamRecipe(dream: string | undefined): FoundRecipe | null {
  const [, prompt, flags = ''] = /^\s*"((?:[^"\\]|\\.)*)"(.*)/s.exec(dream ?? '') ?? [];
  if (prompt === undefined) return null;
  const settings: Settings = {};
  for (const [, flag = '', value = ''] of flags.matchAll(/ -([a-zA-Z]) ?(\S{1,40})/g)) {
    const name = DREAM_FLAGS[flag];
    if (name !== undefined) settings[name] = value;
  }
  return { program: 'InvokeAI', prompt: prompt.replace(/\\(.)/g, '$1'), settings, text: dream ?? '' };
}

/** InvokeAI once had what to keep out in the prompt, in brackets. */
function withBracketsApart(found: FoundRecipe): FoundRecipe {
  const negative = [...found.prompt.matchAll(/\[([^[\]]*)\]/g)].map(([, text]) => text).join(', ');
  if (negative === '') return found;
  const prompt = found.prompt.replace(/\s*\[[^[\]]*\]/g, '').trim();
  return { ...found, prompt, settings: { ...found.settings, negative } };
}

/** Some of its nodes write `parameters` too, which say more than a graph that nobody can run here. */
function comfyRecipe(texts: Texts): FoundRecipe | null {
  const found = comfyFinding(texts);
  if (found === null) return null;
  const written = webUiRecipe(texts);
  if (written !== null) return { ...written, program: 'ComfyUI' };
  const prompt = found.prompt ?? '';
  const text = prompt === '' ? '' : readable(prompt, found.settings);
  return { program: 'ComfyUI', prompt, settings: found.settings, text };
}

function webUiRecipe(texts: Texts): FoundRecipe | null {
  const text = [texts.parameters, texts.UserComment, texts.ImageDescription, texts.Comment, texts.XPComment].find(
    (candidate, i) => candidate !== undefined && (/^Steps: \d/m.test(candidate) || (i === 0 && !isJson(candidate))),
  );
  if (text === undefined) return null;
  const last = [...text.matchAll(/^Steps: \d/gm)].at(-1)?.index ?? text.length;
  const { prompt, settings, named } = parametersIn(text, last);
  return { program: webUiProgram(named), prompt, settings, text };
}

function webUiProgram(named: ReadonlyMap<string, string>): string {
  const version = named.get('Version') ?? '';
  if (version.startsWith('wuerst')) return 'wuerst';
  if (/^f\d|forge/i.test(version)) return 'Forge';
  if (/^v?\d/.test(version)) return "A1111's web UI";
  return named.get('App') ?? (version || LIKE_WEB_UI);
}

/** Names in the JSON of InvokeAI, NovelAI, Fooocus and others. */
const JSON_NAMES: Readonly<Record<'prompt' | KeyName, readonly string[]>> = {
  prompt: ['positive_prompt', 'prompt', 'Prompt', 'c'],
  negative: ['negative_prompt', 'negativePrompt', 'negativeprompt', 'Negative Prompt', 'uc'],
  width: ['width'],
  height: ['height'],
  size: ['size', 'resolution', 'Resolution'],
  seed: ['seed', 'Seed'],
  steps: ['steps', 'Steps'],
  guidance: ['cfg_scale', 'cfgscale', 'guidance_scale', 'Guidance Scale', 'scale', 'cfg', 'cfgScale'],
  ...{ ar: [], n: [], style: [], 'decoder-steps': [], 'decoder-guidance': [], spoiler: [], preset: [] },
  ...{ strength: [], 'picture-weights': [], transparent: [], lora: [] },
};

function jsonRecipe(text: string | undefined, program: string): FoundRecipe | null {
  const json = record(parsed(text));
  return json && fromJson(record(json.sui_image_params) ?? json, program || UNNAMED);
}

function fromJson(json: Json, program: string): FoundRecipe | null {
  const firstOf = (names: readonly string[]) => names.map((name) => json[name]).find(isPlain);
  const prompt = firstOf(JSON_NAMES.prompt);
  if (typeof prompt !== 'string') return null;
  const settings: Settings = {};
  for (const { name } of KEYS) {
    const value = firstOf(JSON_NAMES[name]);
    if (value !== undefined && value !== '') settings[name] = String(value);
  }
  return { program, prompt, settings, text: readable(prompt, settings) };
}

/** A recipe in the form of A1111's web UI. */
function readable(prompt: string, { negative, ...settings }: Settings): string {
  const line = Object.entries(settings).map(([name, value]) => `${name}: ${value}`);
  return [prompt, ...(negative ? [`Negative prompt: ${negative}`] : []), line.join(', ')].filter(Boolean).join('\n');
}

function isJson(text: string): boolean {
  return record(parsed(text)) !== null;
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
