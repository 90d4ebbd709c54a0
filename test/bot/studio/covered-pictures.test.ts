import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import sharp from 'sharp';
import type { Job } from '../../../src/bot/job.ts';
import { fileIdOf } from '../../../src/bot/reply.ts';
import { caller } from '../history/history-fixture.ts';
import { INFO } from '../jobs/fake-painter.ts';
import { JudgingPainter } from '../jobs/judging-painter.ts';
import { actionsOf, imageOf, openStudio } from './studio-fixture.ts';

const GUILD = { surface: 'discord', room: 'general', guild: '8', payer: 'discord:guild:8' } as const;
const ann = caller(GUILD);
const mod = caller({ ...GUILD, user: 'mo', moderator: true });
async function open(t: Parameters<typeof openStudio>[0], rule?: string) {
  const painter = new JudgingPainter();
  const bench = await openStudio(t, { painter });
  if (rule !== undefined) await bench.say(`settings nsfw-pictures:${rule}`, mod);
  return { ...bench, painter };
}

test('while no place has a rule for pictures, none is looked at', async (t) => {
  const { make, painter, studio, say } = await open(t);
  const job = await make('an explicit fox', ann);
  assert.deepEqual([painter.requests[0]?.judge, job.images[0]?.verdict], [undefined, undefined]);
  assert.equal(studio.jobReply(job).images[0]?.version, undefined);
  await say('settings nsfw-pictures:block', mod);
  const elsewhere = caller();
  const later = await make('an explicit fox', elsewhere);
  assert.equal(painter.requests[1]?.judge, true, 'a rule anywhere has all looked at: pictures can be shown elsewhere');
  assert.equal(studio.jobReply(later).images.length, 1, 'where it was made nothing is covered');
});

const EXPECTED = [
  [
    'spoiler',
    'covered',
    /^Picture 1 looks not safe for work, so it is covered\.\nOther words or another seed may help/,
  ],
  ['blur', 'blurred', /^Picture 1 looks not safe for work, so it is blurred\./],
] as const;

for (const [rule, version, line] of EXPECTED) {
  test(`nsfw-pictures:${rule} shows what was found ${version}, and the other picture as it is`, async (t) => {
    const { make, studio } = await open(t, rule);
    const job = await make('an explicit fox n:2', ann);
    const { images, lines } = studio.jobReply(job);
    assert.deepEqual(
      images.map((image) => [image.version, image.spoiler]),
      [
        [version, rule === 'spoiler'],
        [undefined, false],
      ],
    );
    assert.match(lines.join('\n'), line);
    const [first, second] = images;
    const paths = await Promise.all([first, second].map((image) => image && studio.imagePath(fileIdOf(image))));
    const [shown, other] = paths.map((path) => readFileSync(path ?? ''));
    assert.ok(other?.includes('explicit fox'));
    assert.equal(shown?.includes('explicit fox'), rule === 'spoiler', 'a blurred copy has no texts');
    const { width, height } = await sharp(shown).metadata();
    assert.deepEqual([width, height], [64, 32]);
    assert.equal(studio.cover(imageOf(job)), rule);
  });
}

test('nsfw-pictures:block shows nothing of it, says why and what can be done, and leaves Info and Delete', async (t) => {
  const { make, studio } = await open(t, 'block');
  const job = await make('an explicit fox', ann);
  const shown = studio.jobReply(job);
  assert.deepEqual(shown.images, []);
  assert.match(
    shown.lines.join(),
    /^Picture 1 looks not safe for work, so it is not shown here\.,.* moderators can look at it: Info/,
  );
  assert.deepEqual(actionsOf(shown), [`reroll:${job.id}`, `info:${imageOf(job)}`, `delete:${imageOf(job)}`]);
  assert.equal(await studio.imagePath(imageOf(job)), null);
  assert.equal(await studio.imagePath(imageOf(job), ann), null);
  assert.equal(await studio.imagePath(`${imageOf(job)}-original`, ann), null);
  assert.equal(await studio.imagePath(`${imageOf(job)}-blurred`, ann), null);
});

test('moderators see what was found and decide otherwise, for this picture alone; it is kept who and when', async (t) => {
  const { make, studio, press, history, events, ask, ended } = await open(t, 'block');
  const job = await make('an explicit fox', ann);
  const id = imageOf(job);
  const plain = await press(`info:${id}`, ann);
  assert.deepEqual([plain.images, actionsOf(plain)], [[], []]);
  const review = await press(`info:${id}`, mod);
  const values = Object.fromEntries(review.fields.map(({ name, value }) => [name, value]));
  assert.equal(values.Found, 'porn 90 %, drawing 10 %, hentai 0 %, neutral 0 %, sexy 0 %');
  assert.deepEqual(review.images.map(fileIdOf), [`${id}-original`]);
  assert.ok(readFileSync((await studio.imagePath(`${id}-original`)) ?? '').includes('explicit fox'));
  await assert.rejects(press(`uncover:${id}`, ann), { code: 'overrule_not_allowed' });
  const other = { ...mod, room: 'general', guild: '9', payer: 'discord:guild:9' };
  await assert.rejects(press(`uncover:${id}`, other), { code: 'overrule_not_allowed' });

  const told = await press(`uncover:${id}`, mod);
  assert.match(told.lines.join(), /this picture alone/);
  const event = events.at(-1);
  assert.deepEqual([event?.type, event?.job.images[0]?.overruled], ['changed', 'shown']);
  const seen = studio.jobReply(studio.job(job.id) ?? job);
  assert.deepEqual([seen.images.map(fileIdOf), seen.lines], [[id], []]);
  assert.notEqual(await studio.imagePath(id, ann), null);
  await press(`hide:${id}`, mod);
  const hidden = studio.jobReply(studio.job(job.id) ?? job);
  assert.match(hidden.lines.join(), /^A moderator has hidden picture 1\.$/);
  assert.deepEqual(
    history.audit.byActor('discord', 'mo').filter(({ action }) => action === 'overrule'),
    history.audit.byTarget('discord', id),
  );
  assert.deepEqual(
    history.audit.byTarget('discord', id).map(({ detail }) => detail),
    [{ decision: 'shown' }, { decision: 'hidden' }],
  );
  await press(`uncover:${id}`, mod);
  const again = await studio.act(`reroll:${job.id}`, ann);
  const made = again.kind === 'job' ? await ended(again.job.id) : job;
  assert.deepEqual(studio.jobReply(made).images, [], 'a reroll is another picture');
  const fine = await ended((await ask('a calm fox', ann)).id);
  assert.deepEqual(actionsOf(await press(`info:${imageOf(fine)}`, mod)), [`hide:${imageOf(fine)}`]);
});

test('a picture that could not be looked at is hidden, kept, and the operator is told', async (t) => {
  const { make, studio, problems } = await open(t, 'blur');
  for (const [prompt, reason] of [
    ['an unseen fox', /OperatorError: The picture classifier failed: "It is broken\."/],
    ['a blind fox', /OperatorError: The picture classifier failed: "Painter fake has no picture classifier\."/],
  ] as const) {
    const job = await make(prompt, ann);
    assert.equal(job.state, 'done');
    const { images, lines } = studio.jobReply(job);
    assert.deepEqual(
      images.map(({ version }) => version),
      ['blurred'],
    );
    assert.match(lines.join(), /could not be checked for what is not safe for work, so it is blurred/);
    assert.match(problems.at(-1) ?? '', reason);
  }
});

test('unfinished pictures are not shown where finished ones are looked at', async (t) => {
  const { make, events } = await open(t, 'spoiler');
  const previews = () => events.flatMap((event) => (event.type === 'step' && event.preview !== null ? [event] : []));
  await make('a calm fox', ann);
  assert.equal(previews().length, 0);
  await make('a calm fox', caller());
  assert.equal(previews().length, 1);
});

test('rooms where nsfw admits it show everything, Slack blurs what it cannot cover, other places show no more', async (t) => {
  const { make, studio, say, press } = await open(t, 'spoiler');
  const adults = { ...ann, room: 'cellar', ageRestricted: true };
  const version = (job: Job) => studio.jobReply(job).images[0]?.version;
  assert.equal(version(await make('an explicit fox', adults)), undefined);
  await say('settings nsfw:off', mod);
  assert.equal(version(await make('an explicit fox', adults)), 'covered');
  const team = { surface: 'slack', room: 'c', guild: 'T1', payer: 'slack:team:T1' } as const;
  await say('settings nsfw-pictures:spoiler', caller({ ...team, user: 'mo', moderator: true }));
  assert.equal(version(await make('an explicit fox', caller(team))), 'blurred');

  const own = { surface: 'discord', room: 'dm', guild: null, payer: 'discord:user:ann' } as const;
  const direct = await make('an explicit fox', caller(own));
  assert.equal(version(direct), undefined);
  await studio.command(`show ${direct.id}`, ann);
  assert.equal(studio.jobReply(studio.job(direct.id) ?? direct).images[0]?.spoiler, true, 'from now on it is covered');
  await say('settings nsfw-pictures:blur', mod);
  await assert.rejects(studio.command(`show ${direct.id}`, ann), { code: 'nsfw_picture', hint: /nsfw-pictures: blur/ });
  await assert.rejects(press(`show:${imageOf(direct)}`, ann), { code: 'nsfw_picture' });
  const [listed] = (await say('history', ann)).images.filter(({ id }) => id === imageOf(direct));
  assert.equal(listed?.version, 'blurred');
});

test('the rule is read under the name of the one for words, only tightened by guilds, and says where no classifier is', async (t) => {
  const { say, painter, painters } = await open(t);
  const value = async (who = mod) =>
    (await say('settings nsfw-pictures', who)).fields.map((field) => field.value).join();
  assert.equal(await value(), 'off');
  assert.match(JSON.stringify((await say('settings nsfw:blur', mod)).fields), /"name":"nsfw-pictures","value":"blur"/);
  await assert.rejects(say('settings nsfw-pictures:mild', mod), {
    code: 'setting_value',
    message: 'Expected nsfw-pictures to be off, spoiler, blur, block or default, got "mild".',
  });
  await say('settings everywhere-nsfw-pictures:blur', caller({ user: 'op', moderator: true }));
  await assert.rejects(say('settings nsfw-pictures:spoiler', mod), {
    code: 'setting_above_limit',
    hint: /nsfw-pictures blur/,
  });
  await say('settings nsfw-pictures:block', mod);
  assert.equal(await value(), 'block');
  painter.status = { info: INFO } as typeof painter.status;
  painters.changed(painter.id);
  assert.equal(await value(), 'block (new pictures are not looked at: no picture classifier is installed)');
});
