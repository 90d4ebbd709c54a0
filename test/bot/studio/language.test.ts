import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GUILD_SETTINGS } from '../../../src/bot/command/guild-settings.ts';
import { KEYS } from '../../../src/bot/command/keys.ts';
import { forReader } from '../../../src/bot/job.ts';
import type { Reply } from '../../../src/bot/reply.ts';
import { UserError } from '../../../src/system/errors.ts';
import { markTexts, unmarked } from '../../texts/marked.ts';
import { caller } from '../history/history-fixture.ts';
import { imageOf, openStudio } from './studio-fixture.ts';

markTexts('de');

/** What a person reads of a reply, but for the command to copy. */
function readIn({ title, lines, fields, progress, buttons }: Reply): readonly string[] {
  return [
    ...[title, ...lines, ...fields.flatMap(({ name, value }) => [name, value])],
    ...(progress === null ? [] : [progress.label]),
    ...buttons
      .flat()
      .flatMap(({ label, short = '', confirm = '', ask }) => [
        ...[label, short, confirm],
        ...(ask === undefined ? [] : [ask.title, ask.label]),
      ]),
  ];
}

/** What people type, and names. */
const TYPED =
  /\/?wuerst[^.,;\n]*|--?[a-z-]+|"[^"]*"?|[\w-]+:[^\s,;]*|\b(?:presets|defaults|settings|wildcards|show) [^.,;\n]*|PANDA\w*(?: (?:please wait|broken|bug))?|Painter fake|a (?:__colour__ )?panda|film still|\b(?:und|oder)\b/g;
const NAMES = KEYS.map(({ names }) => names.de.replace('-', ' '));
/** How else a setting may be written. */
const SPELLINGS = /^[\p{Ll}-]+(?:, [\p{Ll}-]+)+$/u;

/** Texts with words that are not from the catalogue. */
function english(reply: Reply): readonly string[] {
  return readIn(reply).filter((text) => {
    const rest = unmarked(text).replace(TYPED, ' ');
    return (
      /\p{L}{3,} \p{L}{2,}|^[A-Z]\p{L}+$/u.test(rest.trim()) &&
      !NAMES.includes(text.toLowerCase()) &&
      !SPELLINGS.test(text)
    );
  });
}

test('everything that the bot says to a person is in the catalogue', async (t) => {
  const { studio, painter, make, ask, started } = await openStudio(t);
  const ann = caller({ language: 'de', moderator: true, guild: 'g1' });
  const bob = caller({ language: 'de', user: 'bob', guild: 'g1' });
  const found: string[] = [];
  const note = (reply: Reply) => found.push(...english(reply));
  const say = (text: string, who = ann) =>
    forReader(who, async () => {
      const outcome = await studio.command(text, who).catch((error: unknown) => {
        if (!(error instanceof UserError)) throw error;
        return { kind: 'reply', reply: studio.errorReply(error) } as const;
      });
      note(outcome.kind === 'reply' ? outcome.reply : studio.jobReply(outcome.job));
      return outcome;
    });
  const press = (action: string, text?: string, who = ann) =>
    forReader(who, async () => {
      const outcome = await studio
        .act(action, who, text === undefined ? {} : { text })
        .catch((error: unknown) => ({ kind: 'reply', reply: studio.errorReply(error) }) as const);
      note(outcome.kind === 'reply' ? outcome.reply : studio.jobReply(outcome.job));
      return outcome;
    });

  const one = await make('PANDA', ann);
  const many = await make('PANDA n:6', ann);
  assert.equal(painter.requests.at(-1)?.language, 'de', 'so are warnings and errors of the pipeline');
  for (const job of [one, many]) forReader(ann, () => note(studio.jobReply(job)));
  for (const verb of [
    'info',
    'show',
    'favourite',
    'unfavourite',
    'reroll',
    'vary-subtle',
    'larger',
    'remix',
    'start',
  ]) {
    await press(`${verb}:${imageOf(many)}`, verb === 'remix' ? '' : 'PANDA');
  }
  await press(`save-preset:${imageOf(one)}`, 'film: {prompt}, PANDA');
  await press(`save-preset:${imageOf(one)}`, '');
  await press('nonsense');
  await press('info:unknown');
  await press(`delete:${imageOf(one)}`);
  await press(`info:${imageOf(one)}`);
  await press(`delete:${many.id}`, undefined, bob);

  for (const command of [
    ...[
      'help',
      'queue',
      'history',
      'favourites',
      'settings',
      'loras',
      'presets',
      'presets show film',
      'presets show x',
    ],
    ...['presets export csv', 'presets import', 'presets import {"a":', 'presets delete film', 'presets save a'],
    ...[
      'wildcards',
      'wildcards set PANDA1 PANDA, PANDA2',
      'wildcards show PANDA1',
      'wildcards show x',
      'wildcards set x',
    ],
    ...['defaults', 'defaults steps:20', 'defaults steps:x', 'defaults channel max-steps:30', 'defaults PANDA:1'],
    ...[
      'show unknown',
      'cancel',
      'confirm',
      'export',
      'erase',
      'presets exportt',
      '{PANDA, PANDA1} n:2',
      '__x__ PANDA',
    ],
    ...[
      'settings images 2',
      'PANDA n:4',
      'settings images default',
      'settings cost 1',
      'PANDA n:4',
      'settings cost default',
    ],
    ...[
      'settings user-jobs 1',
      '{PANDA, PANDA1}',
      'confirm',
      'settings user-jobs default',
      'settings blocked-words +PANDA9',
    ],
    ...['PANDA9', 'settings blocked-words -PANDA9', 'PANDA naked', 'PANDA preset:x', 'PANDA lora:x', 'settings x 1'],
    ...KEYS.flatMap(({ name }) => [`help ${name}`, `PANDA ${name}:~~~`]),
    ...Object.keys(GUILD_SETTINGS).map((key) => `settings ${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} ~`),
  ]) {
    await say(command);
  }
  for (const command of [
    'settings images 3',
    'defaults channel steps:5',
    'wildcards set x PANDA',
    'presets save server a PANDA',
  ]) {
    await say(command, bob);
  }
  for (const fate of ['broken', 'bug']) {
    const failed = await make(`PANDA ${fate}`, ann);
    assert.equal(failed.state, 'failed');
    forReader(bob, () => note(studio.jobReply(failed)));
  }
  const waiting = await ask('PANDA please wait', ann);
  await started(waiting.id);
  forReader(ann, () => note(studio.jobReply(studio.job(waiting.id) ?? waiting)));
  await say('queue');
  await say('erase confirm');
  await press(`cancel:${waiting.id}`);
  await press(`cancel:${waiting.id}`);
  await say('erase confirm');
  assert.deepEqual([...new Set(found)], []);
});
