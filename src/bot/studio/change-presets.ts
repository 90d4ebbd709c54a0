import { basename, extname } from 'node:path';
import { UserError } from '../../system/errors.ts';
import { t, translatable } from '../../texts/translate.ts';
import { bracketed } from '../command/format.ts';
import { typedForm } from '../command/layers.ts';
import { lengthOf } from '../command/lexer.ts';
import { tagsAsText } from '../command/loras.ts';
import { readPresetText } from '../command/preset-text.ts';
import {
  expectedPresetName,
  NO_PRESET,
  PROMPT_PLACE,
  type Preset,
  presetName,
  presetsHere,
} from '../command/presets.ts';
import { quoted } from '../command/problem.ts';
import type { Place, PresetsArgument } from '../command/prompt-subcommands.ts';
import { withoutDraws } from '../command/wildcards.ts';
import type { GivenFile } from '../core.ts';
import type { History } from '../history/history.ts';
import type { PresetScope } from '../history/presets.ts';
import { type Caller, type ImagineRequest, ruledBy } from '../job.ts';
import {
  formatPresets,
  type NamedPreset,
  type PresetFormat,
  presetText,
  readPresets,
} from '../prompts/preset-files.ts';
import type { PromptFolder } from '../prompts/prompt-folder.ts';
import { presetScopes, promptSources } from '../prompts/sources.ts';
import { shortened } from '../replies/job-reply.ts';
import { NOTICE, type Reply } from '../reply.ts';
import type { RequestLimits } from '../request-limits.ts';
import { isOperator } from './change-settings.ts';

/** What a person imports, with the name of its file where it has one. */
type Import = Extract<PresetsArgument, { readonly action: 'import' }> & { readonly name?: string };

/** @throws UserError `presets_missing` where nothing came, and `presets_given_twice` */
export function withGivenFile(given: Import, file: GivenFile | undefined): Import {
  if (file === undefined && given.file === '') {
    throw new UserError('presets_missing', t('Expected presets to import, got none.'), {
      hint: t(
        "Paste A1111's styles.csv or Fooocus' JSON behind it, or send the file: on Discord as the option {option}, on Slack in a message to the bot with the words {words}.",
        { option: 'file', words: 'presets import' },
      ),
    });
  }
  if (file === undefined) return given;
  if (given.file !== '')
    throw new UserError('presets_given_twice', t('Expected presets as text or in a file, got both.'));
  return { ...given, file: presetText(file.content), name: basename(file.name, extname(file.name)) };
}

export interface PromptContext {
  readonly history: History;
  /** What whoever runs the bot has put into the data folder. */
  readonly folder: PromptFolder | undefined;
  readonly limits: RequestLimits;
  readonly caller: Caller;
  /** What the place of the caller forbids in texts, which are not shown there then either. */
  readonly refusal: (text: string, negative?: string) => UserError | undefined;
}

/** Of one person, or one guild. */
const MOST_PRESETS = 1000;
const LISTED = 60;

/**
 * Shows, saves, deletes, imports or exports presets.
 * @throws UserError `preset_unknown`, `preset_name`, `preset_empty`, `presets_full`, `presets_not_allowed`,
 *   `presets_need_a_guild`, and what `readPresets` throws
 */
export function presetsReply(given: PresetsArgument | Import, context: PromptContext): Reply {
  switch (given.action) {
    case 'list':
      return listReply(context);
    case 'show':
      return showReply(given.name, context);
    case 'save':
      return saved(given.name, given.text, given.place, context);
    case 'delete': {
      const scope = scopeOf(given.place, context.caller);
      const name = nameOf(given.name);
      if (!context.history.presets.remove(scope, name, context.caller)) throw notOf(given.place, name);
      return { ...NOTICE, title: t('The preset {name} was deleted', { name }) };
    }
    case 'import': {
      const name = 'name' in given ? given.name : undefined;
      const presets = readPresets(given.file, name);
      return stored(presets, given.place, context);
    }
    case 'export':
      return exportReply(given.format, context);
  }
}

function exportReply(format: PresetFormat, context: PromptContext): Reply {
  const all = visible(context);
  const presets = all.filter((preset) => refusalOf(preset, context) === undefined);
  const lost = format === 'csv' && presets.some(({ settings }) => Object.keys(settings).length > 0);
  return {
    ...NOTICE,
    title: t('{count} preset | {count} presets', { count: presets.length }),
    lines: [
      ...(lost
        ? [
            t('A styles.csv has no place for settings, so they are left out. To keep them: {command}', {
              command: 'presets export json',
            }),
          ]
        : []),
      ...hiddenLine(all.length - presets.length),
    ],
    code: formatPresets(presets, format),
  };
}

/** What the place forbids in a preset. */
function refusalOf({ name, prompt, negative }: NamedPreset, { refusal }: PromptContext): UserError | undefined {
  return refusal(`${name.replaceAll('-', ' ')}, ${prompt}`, negative);
}

export function hiddenLine(count: number): readonly string[] {
  return count === 0
    ? []
    : [
        t(
          'Not shown, since words in it are not allowed here: {count}. | Not shown, since words in them are not allowed here: {count}.',
          { count },
        ),
      ];
}

/** Names in a row, and how many there are that are not named. */
export function namesAndMore(names: readonly string[], more: number): string {
  const row = names.join(', ');
  return more > 0 ? t('{names} and {count} more', { names: row, count: more }) : row;
}

const EVERYONES = translatable("Everyone's: {names}");
const YOURS = translatable('Yours: {names}');
const THIS_SERVERS = translatable("This server's: {names}");
const OF_THIS_BOT = translatable('Of this bot: {names}');

function listReply({ history, folder, caller, refusal }: PromptContext): Reply {
  const whose = (scope: PresetScope) => (scope === 'everywhere' ? EVERYONES : 'user' in scope ? YOURS : THIS_SERVERS);
  const saved = presetScopes(caller).map((scope) => [whose(scope), history.presets.names(scope)] as const);
  const all = [...saved, [OF_THIS_BOT, folder?.presets.names ?? []] as const];
  let hidden = 0;
  const lines = all.flatMap(([line, names]) => {
    const first = names.slice(0, LISTED);
    const shown = first.filter((name) => refusal(name.replaceAll('-', ' ')) === undefined);
    hidden += first.length - shown.length;
    if (shown.length === 0) return [];
    return [t(line, { names: namesAndMore(shown, names.length - LISTED) })];
  });
  return {
    ...NOTICE,
    title: lines.length === 0 ? t('There are no presets here yet') : t('Presets'),
    lines: [
      ...lines,
      ...hiddenLine(hidden),
      t('Use one: {use}. Save one with the button below a picture, or with {save} and a text with {prompt}.', {
        use: 'a panda preset:name',
        save: 'presets save name',
        prompt: PROMPT_PLACE,
      }),
    ],
  };
}

function showReply(typed: string, context: PromptContext): Reply {
  const name = nameOf(typed);
  const preset = promptSources(context.caller, context.history, context.folder).presets.get(name);
  if (preset === undefined) throw unknown(name, context);
  const refused = refusalOf({ name, ...preset }, context);
  if (refused !== undefined) throw refused;
  return {
    ...NOTICE,
    title: t('The preset {name}', { name }),
    fields: fieldsOf(preset),
    code: `/wuerst a panda preset:${name}`,
  };
}

function fieldsOf({ prompt, negative, settings }: Preset): Reply['fields'] {
  const all = { [t('Text')]: prompt, [t('Negative')]: negative, ...settings };
  return Object.entries(all).flatMap(([name, value]) => (value === '' ? [] : [{ name, value: shortened(value, 500) }]));
}

interface NewPreset {
  readonly name: string;
  readonly text: string;
  /** Apart from the text, where it has none. */
  readonly negative: string;
  readonly place: Place;
}

/** As `presets save`, with what is to be left out apart from the text. @throws UserError as `presetsReply` */
export function savePreset({ name, text, negative, place }: NewPreset, context: PromptContext): Reply {
  return saved(name, text, place, context, negative);
}

/** A text with settings in it, as a command has them. */
function saved(typed: string, text: string, place: Place, context: PromptContext, apart = ''): Reply {
  const name = nameOf(typed);
  const command = `presets save ${place === 'person' ? '' : `${place === 'guild' ? 'server' : place} `}${name}`;
  const read = readPresetText(text, context.limits, command);
  const preset = { ...read, negative: read.negative || apart };
  if (preset.prompt === '' && preset.negative === '' && Object.keys(preset.settings).length === 0) {
    throw new UserError('preset_empty', t('Expected a text for the preset, got nothing.'), {
      hint: t('For example: {command}', {
        command: `/wuerst presets save film ${PROMPT_PLACE}, film still, soft light style:base`,
      }),
    });
  }
  return stored([{ name, ...preset }], place, context);
}

function stored(presets: readonly NamedPreset[], place: Place, context: PromptContext): Reply {
  const { history, limits, caller } = context;
  const scope = scopeOf(place, caller);
  for (const { name, prompt, negative } of presets) {
    if (Math.max(lengthOf(prompt), lengthOf(negative)) <= limits.maxPromptLength) continue;
    throw new UserError(
      'preset_too_long',
      t('Expected texts of at most {most} characters in {name}.', {
        most: limits.maxPromptLength,
        name,
      }),
    );
  }
  history.atomically(() => {
    history.presets.save(scope, presets, caller);
    const count = history.presets.names(scope).length;
    if (count <= MOST_PRESETS) return;
    throw new UserError(
      'presets_full',
      t('Expected at most {most} presets, got {count}.', { most: MOST_PRESETS, count }),
      {
        hint: t('Delete some first: {command}', { command: '/wuerst presets delete <name>' }),
      },
    );
  });
  const [first] = presets;
  const example = `/wuerst a panda on a green background preset:${first?.name ?? ''}`;
  if (presets.length === 1 && first !== undefined) {
    const fields = refusalOf(first, context) === undefined ? fieldsOf(first) : [];
    return { ...NOTICE, title: t('The preset {name} is saved', { name: first.name }), fields, code: example };
  }
  const names = presets.slice(0, LISTED).map(({ name }) => name);
  return {
    ...NOTICE,
    title: t('{count} presets are saved', { count: presets.length }),
    lines: [namesAndMore(names, presets.length - LISTED)],
    code: example,
  };
}

/**
 * Saves how a picture was made: its size, style, steps, guidance and what was kept out, and the text that was typed.
 * @param typed `name`, or `name: text with {prompt}`
 */
export function savePictureAsPreset(request: ImagineRequest, typed: string, context: PromptContext): Reply {
  const [, name = '', text] = /^\s*([^:]*?)\s*(?::\s*(.*))?$/s.exec(typed) ?? [];
  const { width, height, style, steps, decoderSteps, guidance, decoderGuidance, negative, weighted, loras } = request;
  const preset = {
    name: nameOf(name),
    prompt: text?.trim() ?? PROMPT_PLACE,
    negative: tagsAsText(withoutDraws(bracketed(negative, weighted))),
    settings: typedForm({
      ...{ width, height, style, steps, decoderSteps, guidance, decoderGuidance },
      ...(loras === undefined ? {} : { loras }),
    }),
  };
  return stored([preset], 'person', context);
}

/** Everything that a caller can use; what counts first, once. */
function visible({ history, folder, caller }: PromptContext): readonly NamedPreset[] {
  const { presets } = promptSources(caller, history, folder);
  return presets.names.flatMap((name) => {
    const preset = presets.get(name);
    return preset === undefined ? [] : [{ name, ...preset }];
  });
}

function nameOf(typed: string): string {
  const name = presetName(typed);
  if (name !== undefined && name !== NO_PRESET) return name;
  throw new UserError('preset_name', expectedPresetName().wrong('preset', quoted(typed)), {
    hint: t('For example: {command}', { command: `/wuerst presets save film-still ${PROMPT_PLACE}, film still` }),
  });
}

function unknown(name: string, { history, folder, caller }: PromptContext): UserError {
  return new UserError('preset_unknown', t('There is no preset {name} here.', { name: quoted(name) }), {
    hint: presetsHere(promptSources(caller, history, folder).presets, name),
  });
}

function notOf(place: Place, typed: string): UserError {
  const name = quoted(typed);
  const problem =
    place === 'person'
      ? t('There is no preset {name} of yours.', { name })
      : place === 'guild'
        ? t('There is no preset {name} of this server.', { name })
        : t("There is no preset {name} of everyone's.", { name });
  return new UserError('preset_unknown', problem, {
    hint: t('Whose each one is, is told by {command}', { command: '/wuerst presets' }),
  });
}

function scopeOf(place: Place, caller: Caller): PresetScope {
  const { surface, user, moderator } = caller;
  if (place === 'person') return { surface, user };
  if (!moderator || (place === 'everywhere' && !isOperator(caller))) {
    const refusal =
      place === 'everywhere'
        ? t('Only whoever runs this bot can change presets for others here.')
        : t('Only moderators can change presets for others here.');
    throw new UserError('presets_not_allowed', refusal, {
      hint: t('Yours need no place in front: {command}', {
        command: `/wuerst presets save film ${PROMPT_PLACE}, film still`,
      }),
    });
  }
  if (place === 'everywhere') return place;
  const guild = ruledBy(caller);
  if (guild !== null && place === 'guild') return { surface, guild };
  throw new UserError('presets_need_a_guild', t('Presets are kept for a person, for a server, or for everyone.'), {
    hint: t('Save presets of a server in one of its channels.'),
  });
}
