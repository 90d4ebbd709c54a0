import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandsWithin } from '../../src/adapters/discord/commands/commands.ts';
import { ALL_LOCALES } from '../../src/adapters/discord/commands/locales.ts';
import { LIMITS } from '../../src/adapters/discord/messages/render.ts';
import { forReader, type Job, type JobImage } from '../../src/bot/job.ts';
import { helpReply } from '../../src/bot/replies/help-reply.ts';
import { imageReply, jobReply } from '../../src/bot/replies/job-reply.ts';
import { eraseQuestion } from '../../src/bot/replies/own-data-reply.ts';
import { favouredReply } from '../../src/bot/replies/own-lists-reply.ts';
import { confirmReply, doubtReply } from '../../src/bot/replies/question-reply.ts';
import { queueReply } from '../../src/bot/replies/queue-reply.ts';
import type { Reply } from '../../src/bot/reply.ts';
import { DEFAULT_LIMITS } from '../../src/bot/request-limits.ts';
import { LANGUAGES } from '../../src/texts/language.ts';
import { newJob } from '../bot/history/history-fixture.ts';
import { checkCommands } from './discord/strict.ts';

/** Characters of what both platforms cut: https://docs.slack.dev/reference/block-kit, and Discord's in `LIMITS`. */
const SLACK = { button: 75, confirm: 300, confirmLabel: 30, modalTitle: 24, label: 2000 };
const MOST = {
  label: Math.min(LIMITS.buttonLabel, SLACK.button),
  confirm: Math.min(LIMITS.embedTitle, SLACK.confirm),
  confirmLabel: SLACK.confirmLabel,
  formTitle: Math.min(LIMITS.modalTitle, SLACK.modalTitle),
  formLabel: Math.min(LIMITS.label, SLACK.label),
};

const images = Array.from(
  { length: 10 },
  (_, index): JobImage => ({
    ...{ id: `image${index}`, index, seed: 1n, width: 512, height: 512, hash: '', deleted: false },
  }),
);
const { caller, request, ...stored } = newJob();
const base = { ...stored, caller, id: 'job1', error: null, createdAt: 0, startedAt: 0, finishedAt: 0 };
const limits = { ...DEFAULT_LIMITS, startsFromPictures: true };

/** Everything with buttons, questions and forms of which a translation may be too long. */
function replies(): readonly Reply[] {
  const many: Job = { ...base, state: 'done', request: { ...request, n: 10 }, images };
  const waiting: Job = { ...base, state: 'queued', request: { ...request, prompt: 'x'.repeat(500) }, images: [] };
  const options = { place: null, step: null, limits };
  const question = { id: 'q', requests: [waiting.request], notes: [] };
  return [
    ...[many, waiting, { ...waiting, state: 'failed' as const }].map((job) => jobReply(job, options)),
    ...images.slice(0, 1).map((image) => imageReply(many, image, limits)),
    ...[true, false].map((isLiked) => favouredReply('image1', isLiked)),
    ...[confirmReply(question), doubtReply(question, []), eraseQuestion({ removed: 0, waiting: 0, left: new Map() })],
    queueReply({ waiting: 1, here: 1, running: [], own: [{ job: waiting, position: 1, eta: null }], isServed: false }),
  ];
}

describe('no text is longer than the platforms allow', () => {
  it('in the commands and options of Discord, and every name follows its rules', () => {
    checkCommands(JSON.parse(JSON.stringify(commandsWithin(DEFAULT_LIMITS))), true);
  });

  it('and no two options of a command have one name', () => {
    for (const command of commandsWithin(DEFAULT_LIMITS)) {
      const options = 'options' in command ? (command.options ?? []) : [];
      for (const locale of ALL_LOCALES) {
        const names = options.map(({ name, name_localizations }) => name_localizations?.[locale] ?? name);
        assert.deepEqual([...new Set(names)], names, `${command.name} in ${locale}`);
      }
    }
  });

  for (const language of LANGUAGES) {
    it(`in buttons, questions and forms in ${language}`, () => {
      const shown = forReader({ language }, replies);
      const parts = shown
        .flatMap(({ buttons }) => buttons.flat())
        .flatMap(({ label, confirm = '', ask }) => [
          ...[['label', label] as const, ['confirm', confirm] as const],
          ...(confirm === '' ? [] : [['confirmLabel', label] as const]),
          ...(ask === undefined ? [] : [['formTitle', ask.title] as const, ['formLabel', ask.label] as const]),
        ]);
      assert.deepEqual(
        parts.filter(([kind, text]) => text.length > MOST[kind]),
        [],
      );
    });

    it(`in the fields of the help in ${language}`, () => {
      const { title, fields, lines } = forReader({ language }, () => helpReply(DEFAULT_LIMITS));
      assert.ok(title.length <= LIMITS.embedTitle && fields.length <= LIMITS.embedFields);
      assert.deepEqual(
        fields.filter(({ name, value }) => name.length > LIMITS.fieldName || value.length > 300 - name.length),
        [],
      );
      const all = [title, ...lines, ...fields.flatMap(({ name, value }) => [name, value])].join('\n');
      assert.ok(all.length <= LIMITS.embedTotal, `${all.length} characters`);
    });
  }
});
