import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Job } from '../../../src/bot/job.ts';
import type { Hashes } from '../../../src/pipeline/process/weights.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { auditLog, caller } from '../history/history-fixture.ts';
import { FakePainter, INFO } from '../jobs/fake-painter.ts';
import { actionsOf, imageOf, openStudio } from './studio-fixture.ts';

const bob = caller({ user: 'bob', name: 'Bob' });

function sources(painter: FakePainter) {
  return painter.requests.at(-1)?.images.map(({ source, stageBSeed }) => ({ ...source, stageBSeed })) ?? [];
}

test('a finished job offers every verb, and each makes what it says', async (t) => {
  const { studio, make, click, ended, painter, history } = await openStudio(t);
  const parent = await make('a red fox seed:7 size:512x768 negative:"text" style:base');
  const image = imageOf(parent);
  const reply = studio.jobReply(parent);
  assert.deepEqual(actionsOf(reply), [
    `reroll:${parent.id}`,
    ...['vary-subtle', 'vary-strong', 'larger', 'larger-2x', 'remix', 'favourite', 'info', 'save-preset', 'delete'].map(
      (verb) => `${verb}:${image}`,
    ),
  ]);
  assert.equal(reply.images[0]?.fileName, 'a-red-fox-7.png');

  const run = async (verb: string, text?: string): Promise<Job> => {
    const { id } = await click(`${verb}:${image}`, bob, text);
    return ended(id);
  };
  const reroll = await run('reroll');
  assert.notEqual(reroll.request.seed, 7n);
  assert.deepEqual({ ...reroll.request, seed: 7n }, parent.request);
  assert.deepEqual(sources(painter), [{ kind: 'words', seed: reroll.request.seed, stageBSeed: reroll.request.seed }]);

  const subtle = await run('vary-subtle');
  const embedding = history.images.get(image)?.embedding;
  assert.deepEqual(sources(painter), [{ kind: 'embedding', embedding, stageBSeed: subtle.request.seed }]);
  assert.equal(history.images.get(imageOf(subtle))?.recipe.stageCSeed, 7n, 'the Stage C of its parent');

  const strong = await run('vary-strong');
  const { seed: mixSeed } = strong.request;
  const mixes = [{ seed: mixSeed, strength: 0.5 }];
  assert.deepEqual(sources(painter), [{ kind: 'mix', seed: 7n, mixes, stageBSeed: mixSeed }]);
  assert.deepEqual(strong.derivation, {
    verb: 'vary-strong',
    parentImage: image,
    parentJob: parent.id,
    strength: 0.5,
  });

  const larger = await run('larger-2x');
  assert.deepEqual([larger.request.width, larger.request.height, larger.derivation?.strength], [1024, 1536, 2]);
  assert.deepEqual(sources(painter), [{ kind: 'enlarge', embedding, seed: 7n, strength: 0.1, stageBSeed: 7n }]);
  assert.match(studio.jobReply(larger).lines.join(), /Larger, from \w+ \(2×\)/);

  const remix = await run('remix', 'a grey wolf guidance:7');
  assert.deepEqual(remix.request, { ...parent.request, prompt: 'a grey wolf', guidance: 7 });
  assert.equal(remix.caller.user, 'bob');
});

test('a strong variation of a variation mixes new noise into every draw that was mixed before', async (t) => {
  const { make, click, ended, painter } = await openStudio(t);
  const parent = await make('a red fox seed:7');
  const child = await ended((await click(`vary-strong:${imageOf(parent)}`)).id);
  const subtle = await ended((await click(`vary-subtle:${imageOf(child)}`)).id);
  const { request } = await ended((await click(`vary-strong:${imageOf(subtle)}`)).id);
  const mixes = [child.request.seed, request.seed].map((seed) => ({ seed, strength: 0.5 }));
  assert.deepEqual(sources(painter), [{ kind: 'mix', seed: 7n, mixes, stageBSeed: request.seed }]);
});

test('a strong variation of an enlarged picture, which no seed alone gives, starts from its embedding', async (t) => {
  const { make, click, ended, painter } = await openStudio(t);
  const parent = await make('a red fox seed:7');
  const larger = await ended((await click(`larger:${imageOf(parent)}`)).id);
  const { request } = await ended((await click(`vary-strong:${imageOf(larger)}`)).id);
  const [source] = painter.requests.at(-1)?.images.map((plan) => plan.source) ?? [];
  assert.ok(source?.kind === 'enlarge' && source.strength === 0.7 && source.seed === request.seed);
});

test('Larger is absent where a limit is reached, and refused if clicked all the same', async (t) => {
  const { studio, make, say, click } = await openStudio(t);
  const big = await make('a red fox size:3072x3072');
  assert.deepEqual(
    actionsOf(studio.jobReply(big)).filter((action) => action.startsWith('larger')),
    [],
  );
  await assert.rejects(click(`larger:${imageOf(big)}`), { code: 'larger_than_allowed' });
  const small = await make('a red fox size:512x512');
  assert.equal(actionsOf(studio.jobReply(small)).filter((action) => action.startsWith('larger')).length, 2);
  await say('settings pixels:600000', caller({ moderator: true }));
  assert.deepEqual(
    actionsOf(studio.jobReply(small)).filter((action) => action.startsWith('larger')),
    [`larger:${imageOf(small)}`],
  );
});

test('a remix needs text, takes braces after asking, and knows a prompt from a subcommand', async (t) => {
  const { studio, make, click, press, ended } = await openStudio(t);
  const parent = await make('a red fox seed:7 n:2 width:512');
  const second = imageOf(parent, 1);
  await assert.rejects(click(`remix:${second}`), { code: 'remix_text_missing' });
  await assert.rejects(click(`remix:${second}`, caller(), 'a fox width:9'), { code: 'bad_width' });
  const history = await ended((await click(`remix:${second}`, caller(), 'history')).id);
  assert.deepEqual([history.request.prompt, history.request.seed, history.request.n], ['history', 8n, 1]);
  assert.equal(history.request.width, 512);
  const ratio = await click(`remix:${second}`, caller(), 'a wide fox ar:16:9');
  assert.equal(ratio.request.width, 1408);

  const asked = await studio.act(`remix:${second}`, caller(), { text: 'a {red, grey} wolf' });
  assert.ok(asked.kind === 'reply');
  assert.equal(asked.reply.title, 'Make 2 requests, 2 pictures in all?');
  const [confirm = ''] = actionsOf(asked.reply);
  const answer = await press(confirm);
  assert.match(answer.title, /2 requests wait/);
  const jobs = studio.jobs({ surface: 'web', user: 'ann', limit: 2 });
  assert.deepEqual(jobs.map(({ request }) => [request.prompt, request.seed]).reverse(), [
    ['a red wolf', 8n],
    ['a grey wolf', 8n],
  ]);
});

test('permutations are asked about first, and a yes counts once, from whoever was asked', async (t) => {
  const { studio, say, press, events } = await openStudio(t, { still: true });
  const question = await say('a {red, grey} fox n:2');
  assert.equal(question.title, 'Make 2 requests, 4 pictures in all?');
  assert.deepEqual(events, []);
  const [confirm = ''] = actionsOf(question);
  await assert.rejects(studio.act(confirm, bob), { code: 'not_yours' });
  const first = await press(confirm);
  assert.deepEqual(await press(confirm), first, 'a second click answers the same');
  assert.equal(studio.waiting, 2);
  await say('{a, b} bird');
  assert.match((await say('confirm')).title, /2 requests wait/);
  await assert.rejects(say('confirm', bob), { code: 'confirmation_unknown' });
  assert.equal(studio.waiting, 4);
});

test('what may have been meant as a command is asked about, and painted after a yes', async (t) => {
  const { studio, say, events } = await openStudio(t, { still: true });
  for (const [typed, line] of [
    ['show nope', /show <id>/],
    ['settings nonsense 3', /settings \[key value\]/],
    ['histroy', /\/wuerst history/],
    ['models', /Commands are history, .*settings/],
  ] as const) {
    const question = await say(typed);
    assert.equal(question.title, `Paint “${typed}”?`);
    assert.match(question.lines.join('\n'), line);
    assert.equal(question.buttons[0]?.[0]?.label, 'Paint it');
    assert.deepEqual(events, []);
  }
  const [confirm = ''] = actionsOf(await say('show nope'));
  await assert.rejects(studio.act(confirm, bob), { code: 'not_yours' });
  const painted = await studio.act(confirm, caller());
  assert.ok(painted.kind === 'job');
  assert.equal(painted.job.request.prompt, 'show nope');
  const again = await studio.act(confirm, caller());
  assert.ok(again.kind === 'job' && again.repeated && again.job.id === painted.job.id);
  assert.equal(studio.waiting, 1);
});

test('a question waits an hour', async (t) => {
  const { say, press, clock } = await openStudio(t, { still: true });
  const [confirm = ''] = actionsOf(await say('a {red, grey} fox'));
  clock.advance(3_600_001);
  await assert.rejects(press(confirm), { code: 'confirmation_unknown' });
});

for (const [hours, how] of [
  [1, 'forward'],
  [-1, 'back'],
] as const) {
  test(`a question waits an hour when the machine's clock is set ${how} by one`, async (t) => {
    const { say, press, clock, studio } = await openStudio(t, { still: true });
    const [first = ''] = actionsOf(await say('a {red, grey} fox'));
    const [second = ''] = actionsOf(await say('a {red, grey} owl'));
    clock.jump(hours * 3_600_000);
    clock.advance(3_599_000);
    await press(first);
    assert.equal(studio.waiting, 2);
    clock.advance(1001);
    await assert.rejects(press(second), { code: 'confirmation_unknown' });
  });
}

test('a question that was asked before a restart waits another hour', async (t) => {
  const first = await openStudio(t, { still: true });
  const [confirm = ''] = actionsOf(await first.say('a {red, grey} fox'));
  await first.close();
  const { press, studio } = await openStudio(t, { still: true, folder: first.folder });
  await press(confirm);
  assert.equal(studio.waiting, 2);
});

test('a job of ten pictures offers every verb of each, and a way to each alone', async (t) => {
  const { studio, make, press } = await openStudio(t);
  const job = await make('a red fox n:10 size:512x512');
  const { buttons, images } = studio.jobReply(job);
  assert.equal(images.length, 10);
  const actions = actionsOf(studio.jobReply(job));
  for (const { id } of job.images) {
    for (const verb of ['show', 'vary-subtle', 'vary-strong', 'larger', 'larger-2x', 'remix', 'info', 'delete']) {
      assert.ok(actions.includes(`${verb}:${id}`), `${verb}:${id}`);
    }
  }
  assert.ok(actions.every((action) => action.length <= 64));
  assert.ok(
    buttons.slice(0, 3).flat().length === 12 && buttons.slice(0, 3).every((row) => row.length <= 5),
    'a message of 25 buttons has room for those that bring the others',
  );
  const alone = await press(`show:${imageOf(job, 6)}`);
  assert.deepEqual(
    alone.images.map(({ id }) => id),
    [imageOf(job, 6)],
  );
  assert.equal(alone.buttons.flat()[0]?.label, 'Vary subtle 7');
  assert.equal(alone.buttons.flat()[0]?.short, 'Vary subtle');
});

test('info gives every parameter and a command that makes the same request again', async (t) => {
  const { make, press, say, ask, ended } = await openStudio(t);
  const job = await make('a red fox n:3 seed:7 size:512x768 style:aesthetic steps:20 negative:"a {b}" spoiler:yes');
  const { code, fields } = await press(`info:${imageOf(job, 2)}`);
  const again = await ended((await ask(code ?? '')).id);
  assert.deepEqual(again.request, { ...job.request, n: 1, seed: 9n });
  assert.equal(fields.find(({ name }) => name === 'Seed')?.value, '9');
  assert.ok(fields.length <= 25 && fields.some(({ value }) => value === 'fake-fp32'));
  assert.equal((await press(`info:${job.id}`)).fields.find(({ name }) => name === 'Seed')?.value, '7');
  assert.match((await say('help')).code ?? '', /\/wuerst/);
});

test('deleting is for owners and moderators, is told, and lasts', async (t) => {
  const { studio, make, click, events, history } = await openStudio(t);
  const job = await make('a red fox n:2');
  const [first, second] = [imageOf(job, 0), imageOf(job, 1)];
  const path = await studio.imagePath(first);
  assert.ok(path !== null);
  await assert.rejects(studio.act(`delete:${first}`, bob), { code: 'not_yours' });
  const after = await click(`delete:${first}`);
  assert.deepEqual(
    after.images.map(({ deleted }) => deleted),
    [true, false],
  );
  assert.equal(events.at(-1)?.type, 'changed');
  assert.equal(await studio.imagePath(first), null);
  for (const verb of ['vary-subtle', 'vary-strong', 'larger', 'remix', 'info', 'delete', 'show', 'reroll']) {
    await assert.rejects(studio.act(`${verb}:${first}`, caller(), { text: 'x' }), { code: 'image_deleted' });
  }
  assert.ok(actionsOf(studio.jobReply(after)).every((action) => !action.endsWith(first)));
  await click(`delete:${job.id}`, caller({ user: 'mo', moderator: true }));
  assert.equal(await studio.imagePath(second), null);
  await assert.rejects(click(`delete:${job.id}`), { code: 'image_deleted' });
  assert.deepEqual(actionsOf(studio.jobReply(studio.job(job.id) ?? job)), [`reroll:${job.id}`]);
  const audit = auditLog(history, 'web', 'lobby');
  assert.deepEqual(
    audit.map(({ action, actor }) => [action, actor]),
    [
      ['delete', 'mo'],
      ['delete', 'ann'],
    ],
  );
});

test('what is of another guild, surface or person is as unknown as what never was', async (t) => {
  const { studio, make } = await openStudio(t);
  const job = await make('a red fox');
  const image = imageOf(job);
  const stranger = caller({ user: 'eve', room: 'kitchen', guild: 'kitchen', payer: 'kitchen', moderator: true });
  const elsewhere = caller({ surface: 'discord' });
  const direct = caller({ user: 'eve', guild: null, room: 'dm-eve', payer: 'eve' });
  for (const who of [stranger, elsewhere, direct]) {
    for (const action of [
      `vary-subtle:${image}`,
      `info:${image}`,
      `delete:${job.id}`,
      `cancel:${job.id}`,
      `show:${job.id}`,
    ]) {
      await assert.rejects(studio.act(action, who), { code: 'image_unknown' }, action);
    }
    assert.equal(studio.button(`info:${image}`, who), null);
    await assert.rejects(studio.command(`show ${job.id}`, who), /Nothing is known/);
  }
  const own = caller({ room: 'kitchen', guild: 'kitchen', payer: 'kitchen' });
  assert.equal((await studio.act(`info:${image}`, own)).kind, 'reply', 'my own picture in another room');
  for (const action of [
    'reroll:zzzzzzzzz9',
    'nonsense:abc1',
    'info:',
    ':',
    '',
    '../../etc',
    `info:${'x'.repeat(99)}`,
    'info:a b',
  ]) {
    await assert.rejects(studio.act(action, caller()), { name: 'UserError' }, action);
  }
  assert.equal(studio.button('nonsense:abc1', caller()), null);
});

test('a button is shown again as its message would show it', async (t) => {
  const { studio, make } = await openStudio(t);
  const job = await make('a red fox');
  const remix = studio.button(`remix:${imageOf(job)}`, caller());
  assert.equal(remix?.ask?.value, 'a red fox');
  assert.match(studio.button(`delete:${imageOf(job)}`, caller())?.confirm ?? '', /for good/);
  assert.equal(studio.button(`cancel:${job.id}`, caller()), null, 'nothing is left to cancel');
});

test('a lost picture is made again through the recipes of its parents, the same to the byte', async (t) => {
  const { studio, make, click, ended, history, folder } = await openStudio(t);
  const parent = await make('a red fox seed:7 size:512x512');
  const strong = await ended((await click(`vary-strong:${imageOf(parent)}`)).id);
  const larger = await ended((await click(`larger:${imageOf(strong)}`)).id);
  const subtle = await ended((await click(`vary-subtle:${imageOf(larger)}`)).id);
  const chain = [parent, strong, larger, subtle].map((job) => imageOf(job));
  const before = await Promise.all(chain.map((id) => studio.imagePath(id)));
  await click(`delete:${imageOf(parent)}`);
  await click(`delete:${imageOf(strong)}`);
  // Without the embeddings only the numbers are left.
  const sqlite = openSqlite(`${folder}/wuerst.db`);
  sqlite.exec('UPDATE recipes SET embedding = NULL, embedding_dims_json = NULL');
  sqlite.close();
  for (const path of before.slice(2)) rmSync(path ?? '');
  assert.deepEqual(await Promise.all(chain.map((id) => studio.imagePath(id))), [null, null, ...before.slice(2)]);
  assert.equal(history.images.get(imageOf(subtle))?.image.hash, subtle.images[0]?.hash);
});

test('a picture of another checkpoint is not made again as another picture', async (t) => {
  const { studio, make, painter, problems } = await openStudio(t);
  const job = await make('a red fox');
  const path = await studio.imagePath(imageOf(job));
  rmSync(path ?? '');
  painter.status = { info: { checkpoint: 'other', provider: 'fake-fp32', styles: ['base'] } };
  assert.equal(await studio.imagePath(imageOf(job)), null);
  assert.match(problems.join(), /made with another checkpoint/);
  assert.equal(await studio.imagePath('unknown00000'), null);
});

test('a lost picture is made again by the same weights under a newer hash, also after they were moved', async (t) => {
  const { studio, make, painter, painters } = await openStudio(t);
  const job = await make('a red fox');
  const path = (await studio.imagePath(imageOf(job))) ?? '';
  const info = { checkpoint: 'new', provider: 'fake-fp32', styles: ['base'] };
  for (const formerCheckpoints of [['c0ffee'], ['names-of-blobs']]) {
    rmSync(path);
    painter.status = { info: { ...info, formerCheckpoints } };
    painters.changed('fake');
    assert.equal(await studio.imagePath(imageOf(job)), path);
  }
});

test('a picture is of the weights of its style: made again by them, and not by others', async (t) => {
  const { studio, make, painter, painters, problems } = await openStudio(t);
  const info = { ...INFO, checkpoint: 'first', mixesStyles: true };
  const withBase = (base: Hashes) => ({ info: { ...info, further: { base, aesthetic: { checkpoint: 'a' } } } });
  const pieces = { checkpoint: 'pieces', formerCheckpoints: ['pieces', 'names of links'] };
  const whole = { ...pieces, checkpoint: 'whole' };
  for (const [style, before, after] of [
    ['base', { checkpoint: 'one' }, { checkpoint: 'one' }],
    ['0', { checkpoint: 'one' }, { checkpoint: 'one' }],
    ['0.3', { checkpoint: 'one' }, { checkpoint: 'one' }],
    ['0.4', pieces, whole],
  ] as const) {
    painter.status = withBase(before);
    const job = await make(`a red fox style:${style}`);
    const path = (await studio.imagePath(imageOf(job))) ?? '';
    rmSync(path);
    painter.status = withBase({ checkpoint: 'another' });
    assert.equal(await studio.imagePath(imageOf(job)), null, style);
    assert.match(problems.splice(0).join(), /made with another checkpoint/);
    painter.status = withBase(after);
    painters.changed('fake');
    assert.equal(await studio.imagePath(imageOf(job)), path, style);
  }
});

test('whoever learns the hash of all bytes of some weights, pictures that were made before are found to be of them', async (t) => {
  const { studio, make, painters } = await openStudio(t);
  const second = new FakePainter('second');
  const tell = (checkpoint: string, ...formerCheckpoints: string[]) => {
    second.status = {
      info: { ...INFO, styles: ['interpolated', 'ink'], further: { ink: { checkpoint, formerCheckpoints } } },
    };
  };
  tell('pieces', 'pieces');
  painters.leave('fake');
  painters.join(second);
  const job = await make('a red fox style:ink');
  const path = (await studio.imagePath(imageOf(job))) ?? '';
  rmSync(path);
  painters.leave('second');
  painters.join(new FakePainter());
  tell('whole', 'pieces');
  painters.join(second);
  tell('whole', 'moved');
  painters.changed('second');
  assert.equal(await studio.imagePath(imageOf(job)), path);
});

test('every subcommand answers', async (t) => {
  const { studio, make, ask, say, painter, started } = await openStudio(t);
  const empty = await say('history');
  assert.match(empty.title, /nothing yet/);
  const job = await make('a red fox');
  assert.match((await say('help seed')).title, /seed/);
  const shown = await studio.command(`show ${job.id}`, caller());
  assert.ok(shown.kind === 'job' && shown.job.id === job.id && shown.repeated);
  const byImage = await studio.command(`show ${imageOf(job)}`, caller());
  assert.ok(byImage.kind === 'job' && byImage.job.id === job.id);
  const history = await say('history');
  assert.deepEqual(actionsOf(history), [`show:${job.id}`]);
  assert.equal(history.images.length, 1);
  const running = await ask('wait here');
  await started(running.id);
  const waiting = await ask('a grey fox');
  const queue = await say('queue');
  assert.equal(queue.title, '1 request waits');
  assert.match(queue.lines[0] ?? '', /a request of yours, \d+ %/);
  assert.deepEqual(
    queue.fields.map(({ value }) => value),
    ['Being made', 'Waiting, next in line'],
  );
  assert.match((await say('queue', bob)).lines[0] ?? '', /somebody else/);
  const settings = await say('settings');
  assert.ok(settings.fields.length >= 10 && settings.fields.length <= 25);
  assert.match((await say('settings user-jobs')).fields[0]?.value ?? '', /50/);
  await studio.command(`cancel ${waiting.id}`, caller());
  const exported = await say('export');
  assert.equal(JSON.parse(exported.code ?? '{}').person.id, 'ann');
  await assert.rejects(say('erase confirm'), { code: 'erase_unfinished' });
  painter.release();
  while (studio.job(running.id)?.state === 'running') await new Promise(setImmediate);
  assert.deepEqual(actionsOf(await say('erase')), ['erase:me']);
  const erased = await studio.act('erase:me', caller());
  assert.ok(erased.kind === 'reply' && erased.reply.title === 'Erased');
  assert.equal(studio.job(job.id), null);
  await assert.rejects(studio.act(`info:${imageOf(job)}`, caller()), { code: 'image_unknown' });
  assert.deepEqual(studio.recentPrompts(caller(), '', 5), []);
});

test('a command of its own is never read as a prompt', async (t) => {
  const { studio, make, history } = await openStudio(t);
  const { id } = await make('a red fox');
  const ann = caller();
  for (const text of ['show', 'show foo', 'cancel that one', 'settings colour', 'a red fox']) {
    await assert.rejects(studio.command(text, ann, { subcommand: true }), { code: 'subcommand_malformed' }, text);
  }
  assert.equal((await studio.command(`show ${id}`, ann, { subcommand: true })).kind, 'job');
  assert.equal(history.lists.page({ surface: 'web', limit: 10 }).length, 1);
});

test('erasing everything has a button that asks first', async (t) => {
  const { studio, say } = await openStudio(t);
  const [button] = (await say('erase')).buttons.flat();
  assert.deepEqual(studio.button('erase:me', caller()), button);
  assert.match(button?.confirm ?? '', /for good/);
});

test('what the log of the database still holds is not called erased, until it is empty', async (t) => {
  const { make, say, history, folder } = await openStudio(t);
  await make('a red fox n:2');
  const reader = openSqlite(join(folder, 'wuerst.db'), { readonly: true });
  t.after(() => reader.close());
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM jobs').get();
  const told = await say('erase confirm');
  assert.equal(told.title, 'Not gone for good yet');
  assert.doesNotMatch([told.title, ...told.lines].join(' '), /erased/i);
  assert.match(told.lines.join(' '), /1 request and 2 pictures were removed\. .*traces of them are still on the disk/);
  reader.exec('COMMIT');
  await history.tidy({});
  assert.equal((await say('erase confirm')).title, 'Erased');
});

test('what a platform still shows is said at the next time, too', async (t) => {
  const { studio, make, say } = await openStudio(t);
  const ann = caller({ surface: 'discord' });
  const job = await make('a red fox', ann);
  studio.saveMessage(job.id, { message: '1' });
  const told = await say('erase confirm', ann);
  assert.equal(told.title, 'Not gone everywhere yet', 'no adapter is there');
  assert.match(told.lines.join(' '), /One message or file will be removed as soon as that is possible/);
  const [due] = studio.postings?.due('discord', 9) ?? [];
  assert.deepEqual([due?.job, due?.handle], [job.id, { message: '1' }]);
  const handle = { left: true };
  studio.postings?.failed(due?.id ?? 0, { problem: 'Discord is away.', handle, dueAt: 0 });
  assert.match((await say('erase', ann)).lines.join(' '), /could not be removed yet\. Discord is away\./);
  studio.postings?.removed(due?.id ?? 0);
  assert.equal((await say('erase confirm', ann)).title, 'Erased');
});
