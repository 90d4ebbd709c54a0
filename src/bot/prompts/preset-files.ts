import * as z from 'zod';
import { decodeText, decodeUtf16 } from '../../pipeline/images/text-encodings.ts';
import { UserError } from '../../system/errors.ts';
import { listedAs, t } from '../../texts/translate.ts';
import { NO_PRESET, type Preset, presetName } from '../command/presets.ts';
import { formatCsv, parseCsv, type Separator } from './csv.ts';

export interface NamedPreset extends Preset {
  readonly name: string;
}

export const PRESET_FORMATS = ['csv', 'json'] as const;
export type PresetFormat = (typeof PRESET_FORMATS)[number];

/** Bytes of one file. */
export const PRESET_FILE_BYTES = 4 * 2 ** 20;
/** More than any program ships. */
const MOST_PRESETS = 1000;
const LONGEST_TEXT = 4000;

/**
 * Presets from a file of another program or of this one: A1111's `styles.csv`, Fooocus' list of styles
 * (`sdxl_styles/*.json`), or one of Fooocus' presets (`presets/*.json`), whose name is that of its file.
 *
 * @param fallbackName for a file that names no preset
 * @throws UserError `presets_unreadable`
 */
export function readPresets(file: string, fallbackName = 'fooocus'): readonly NamedPreset[] {
  const text = file.replace(/^\uFEFF/, '').trim();
  const found = /^[[{]/.test(text) ? fromJson(text, fallbackName) : fromCsv(text);
  if (found.length === 0) throw unreadable(t('Expected presets with a name and a text, got none.'));
  if (found.length > MOST_PRESETS) {
    throw unreadable(t('Expected at most {most} presets, got {count}.', { most: MOST_PRESETS, count: found.length }));
  }
  return [...new Map(found.map((preset) => [preset.name, preset])).values()];
}

/** The text of a file, in whatever encoding editors and spreadsheets write it. */
export function presetText(content: Uint8Array): string {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const isUtf16 = /^(?:\xff\xfe|\xfe\xff)/.test(bytes.toString('latin1', 0, 2));
  return isUtf16 ? decodeUtf16(bytes, false) : decodeText(bytes);
}

/** As A1111 writes `styles.csv`; settings have no place there. Fooocus leaves out what it does not know, such as `settings`. */
export function formatPresets(presets: readonly NamedPreset[], format: PresetFormat): string {
  if (format === 'csv') {
    const rows = presets.map(({ name, prompt, negative }) => [name, prompt, negative]);
    return formatCsv([['name', 'prompt', 'negative_prompt'], ...rows]);
  }
  const styles = presets.map(({ name, prompt, negative, settings }) => ({
    ...{ name, prompt, negative_prompt: negative },
    ...(Object.keys(settings).length > 0 ? { settings } : {}),
  }));
  return `${JSON.stringify(styles, null, 4)}\n`;
}

/** Spreadsheets of many countries write semicolons or tabs for commas. */
function separatorOf(text: string): Separator {
  const [header = ''] = text.split(/[\r\n]/, 1);
  return (/[,;\t]/.exec(header)?.[0] ?? ',') as Separator;
}

/** Older files have a column `text` in place of `prompt`. Rows without texts divide the list on A1111's page. */
function fromCsv(text: string): readonly NamedPreset[] {
  const [header = [], ...rows] = parseCsv(text, separatorOf(text));
  const columns = header.map((title) => title.trim().toLowerCase());
  const at = (title: string) => columns.indexOf(title);
  const [name, prompt, negative] = [at('name'), at('prompt') >= 0 ? at('prompt') : at('text'), at('negative_prompt')];
  if (name < 0 || prompt < 0) {
    const wanted = listedAs('conjunction', ['name', 'prompt', 'negative_prompt']);
    const found = columns.join(', ').slice(0, 100);
    throw unreadable(
      found === ''
        ? t('Expected the columns {wanted}, or JSON in the presets, got nothing.', { wanted })
        : t('Expected the columns {wanted}, or JSON in the presets, got {found}.', { wanted, found }),
    );
  }
  return rows.flatMap((row) => named(row[name], { prompt: row[prompt], negative: row[negative] }));
}

const style = z.object({
  name: z.string(),
  prompt: z.string().nullish(),
  negative_prompt: z.string().nullish(),
  settings: z.record(z.string(), z.string()).nullish(),
});
const fooocusPreset = z.object({
  default_prompt: z.string().optional(),
  default_prompt_negative: z.string().optional(),
  default_cfg_scale: z.number().optional(),
  default_image_number: z.number().int().positive().optional(),
  default_overwrite_step: z.number().int().optional(),
  default_aspect_ratio: z.string().optional(),
});

function fromJson(text: string, fallbackName: string): readonly NamedPreset[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const [, position] = /at position (\d+)/.exec((cause as Error).message) ?? [];
    throw unreadable(
      position === undefined
        ? t('Expected JSON in the presets, got text that ends too early or is none.')
        : t('Expected JSON in the presets, got text that is none from character {position} on.', {
            position: Number(position) + 1,
          }),
    );
  }
  if (!Array.isArray(json)) return isStyle(json) ? ofStyle(json) : ofFooocus(json, fallbackName);
  return json.flatMap(ofStyle);
}

function isStyle(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'name' in json && 'prompt' in json;
}

function ofStyle(entry: unknown, index = 0): readonly NamedPreset[] {
  const { success, data, error } = style.safeParse(entry);
  if (!success) {
    const [first] = error.issues;
    const what = first?.path.join('.') ?? '';
    const number = index + 1;
    throw unreadable(
      what === ''
        ? t(
            'Expected a name and a prompt, as text, for every style in the presets, got another entry in number {number}.',
            {
              number,
            },
          )
        : t(
            'Expected a name and a prompt, as text, for every style in the presets, got another {what} in number {number}.',
            {
              what,
              number,
            },
          ),
    );
  }
  const { name, prompt, negative_prompt: negative, settings } = data;
  return named(name, { prompt, negative, settings });
}

function ofFooocus(json: unknown, name: string): readonly NamedPreset[] {
  const { success, data } = fooocusPreset.safeParse(json);
  if (!success || !Object.keys(data).some((key) => key.startsWith('default_'))) {
    throw unreadable(
      t('Expected a list of styles, or a preset of Fooocus with {key} in the presets, got other JSON.', {
        key: 'default_prompt',
      }),
    );
  }
  const [, width, height] = /^\s*(\d{2,5})\s*[*x×]\s*(\d{2,5})/i.exec(data.default_aspect_ratio ?? '') ?? [];
  const steps = data.default_overwrite_step ?? -1;
  const settings = {
    ...(data.default_cfg_scale === undefined ? {} : { guidance: String(data.default_cfg_scale) }),
    ...(data.default_image_number === undefined ? {} : { n: String(data.default_image_number) }),
    ...(steps > 0 ? { steps: String(steps) } : {}),
    ...(width && height ? { ar: `${width}:${height}` } : {}),
  };
  // Its prompt stands in the field where people type on, and so before what they type.
  const before = (data.default_prompt ?? '').trim();
  const prompt = before === '' ? '' : `${before.replace(/,$/, '')}, {prompt}`;
  return named(name, { prompt, negative: data.default_prompt_negative, settings }, true);
}

interface Parts {
  readonly prompt?: string | null | undefined;
  readonly negative?: string | null | undefined;
  readonly settings?: Readonly<Record<string, string>> | null | undefined;
}

function named(name: string | undefined, parts: Parts, isWhole = false): NamedPreset[] {
  return whole(
    name ?? '',
    { prompt: parts.prompt ?? '', negative: parts.negative ?? '', settings: parts.settings ?? {} },
    isWhole,
  );
}

function whole(name: string, { prompt, negative, settings }: Preset, isWhole: boolean): NamedPreset[] {
  const kept = presetName(name);
  const isEmpty = prompt.trim() === '' && negative.trim() === '' && Object.keys(settings).length === 0;
  if ((isEmpty && !isWhole) || kept === NO_PRESET) return [];
  if (kept === undefined) {
    throw unreadable(
      t('Expected names of at most {count} characters in the presets, got {name}.', {
        count: 40,
        name: JSON.stringify(name.slice(0, 60)),
      }),
    );
  }
  if (prompt.length > LONGEST_TEXT || negative.length > LONGEST_TEXT) {
    throw unreadable(
      t('Expected texts of at most {most} characters in the presets, got more in {name}.', {
        most: LONGEST_TEXT,
        name: kept,
      }),
    );
  }
  return [{ name: kept, prompt: prompt.trim(), negative: negative.trim(), settings }];
}

function unreadable(problem: string): UserError {
  return new UserError('presets_unreadable', problem, {
    hint: t("Presets are read from A1111's {file} ({columns}) and from Fooocus' JSON.", {
      file: 'styles.csv',
      columns: 'name,prompt,negative_prompt',
    }),
  });
}
