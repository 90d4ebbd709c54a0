import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Job } from '../../../src/bot/job.ts';
import { modelLimits } from '../../../src/bot/request-limits.ts';
import { recommendedBy } from '../../../src/pipeline/images/generation-config.ts';
import { UserError } from '../../../src/system/errors.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { caller } from '../history/history-fixture.ts';
import { actionsOf, imageOf, openStudio } from './studio-fixture.ts';

const bob = caller({ user: 'bob', name: 'Bob' });

test('a prompt becomes a stored job, is told about while it is made, and ends with its pictures', async (t) => {
  const { studio, ask, ended, events, history } = await openStudio(t);
  const job = await ask('a red fox width:512 height:768 n:2 seed:7');
  assert.equal(job.state, 'queued');
  const done = await ended(job.id);
  assert.equal(done.state, 'done');
  assert.deepEqual(
    done.images.map(({ index, seed, width, height }) => [index, seed, width, height]),
    [
      [0, 7n, 512, 768],
      [1, 8n, 512, 768],
    ],
  );
  assert.deepEqual(
    events.filter(({ seq }) => seq !== null).map(({ type }) => type),
    ['queued', 'started', 'image', 'image', 'done'],
  );
  const fractions = events.flatMap((event) => (event.type === 'step' ? [event.fraction] : []));
  assert.ok(fractions.length > 0 && fractions.every((share, at) => share >= (fractions[at - 1] ?? 0) && share <= 1));
  const paths = await Promise.all(done.images.map(({ id }) => studio.imagePath(id)));
  assert.ok(paths.every((path) => path?.endsWith('.png')));
  assert.equal(studio.jobOfImage(imageOf(done))?.id, job.id);
  const charged = history.usage.today('user', 'web', 'ann').seconds;
  assert.equal(charged, 1.79, 'loading is nobody’s fault');
});

test('what the model recommends is written into a request when it is made, and stays when the model changes', async (t) => {
  const model = (steps: number | readonly number[]) =>
    modelLimits('doodle', recommendedBy(typeof steps === 'number' ? { steps, decoderSteps: 3 } : { timesteps: steps }));
  const first = await openStudio(t, { model: model([1, 0.5, 0]) });
  const usual = await openStudio(t);
  const old = await usual.make('a red fox');
  assert.equal(old.request.steps, null);
  await usual.close();
  const [timed, own] = [await first.make('a red fox'), await first.make('a red fox steps:9')];
  assert.deepEqual([timed.request.steps, own.request.steps], [[1, 0.5, 0], 9]);
  await first.close();

  const second = await openStudio(t, { folder: first.folder, model: model(6) });
  const fresh = await second.make('a red fox');
  assert.deepEqual([fresh.request.steps, fresh.request.decoderSteps], [6, 3]);
  for (const { id, request } of [timed, own]) {
    const again = await second.ended((await second.click(`reroll:${id}`)).id);
    assert.deepEqual(again.request.steps, request.steps);
  }
  assert.deepEqual(second.painter.requests.at(-2)?.steps, [1, 0.5, 0]);
  const late = await openStudio(t, { folder: usual.folder, model: model(6) });
  assert.equal((await late.click(`remix:${imageOf(old)}`, caller(), 'a blue fox')).request.steps, null);
  assert.match((await late.press(`info:${imageOf(old)}`)).code ?? '', / steps:reference /);
});

test('every durable event can be read back in the moment it is told', async (t) => {
  const { studio, ask, ended } = await openStudio(t);
  const unread: string[] = [];
  studio.subscribe((event) => {
    if (event.seq === null) return;
    const last = studio.eventsSince('web', 'lobby', event.seq - 1, 1)[0];
    if (last?.seq !== event.seq || last.type !== event.type) unread.push(event.type);
  });
  await ended((await ask('a red fox n:3')).id);
  assert.deepEqual(unread, []);
  const events = studio.eventsSince('web', 'lobby', 0, 100);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['queued', 'started', 'image', 'image', 'image', 'done'],
  );
});

test('the same idempotency key answers with the same job, also where the rules have changed since', async (t) => {
  const { ask, studio, say, history } = await openStudio(t);
  const first = await ask('a red fox', caller(), 'k1');
  await say('settings blocked-words +fox', caller({ moderator: true }));
  const again = await studio.command('a red fox', caller(), { idempotencyKey: 'k1' });
  assert.ok(again.kind === 'job' && again.repeated && again.job.id === first.id);
  const other = await studio.command('a grey wolf', bob, { idempotencyKey: 'k1' });
  assert.ok(other.kind === 'job' && !other.repeated);
  assert.equal(history.lists.page({ surface: 'web', limit: 10 }).length, 2);
});

test('what the model could not read is noted on the job', async (t) => {
  const { make } = await openStudio(t);
  const { notes } = await make('a long fox poster:red');
  assert.match(notes.join('\n'), /poster:red/);
  assert.match(notes.join('\n'), /The model left out "and so on"\./);
});

test('jobs start in fair order, and waiting ones are told where they stand', async (t) => {
  const { ask, ended, events, clock, painter, started } = await openStudio(t);
  const running = await ask('wait for it');
  await started(running.id);
  const flood: Job[] = [];
  for (let k = 0; k < 5; k += 1) flood.push(await ask(`flood ${k}`));
  const late = await ask('newcomer', caller({ room: 'kitchen', guild: 'kitchen', payer: 'kitchen', user: 'cid' }));
  clock.advance(250);
  const places = events.flatMap((e) => (e.type === 'queued' && e.seq === null ? [[e.job.id, e.position]] : []));
  assert.deepEqual(places.find(([id]) => id === late.id)?.[1], 1, 'before the flood of the other room');
  assert.deepEqual(places.find(([id]) => id === flood[4]?.id)?.[1], 6);
  painter.release();
  await ended(flood[4]?.id ?? '');
  assert.deepEqual(
    painter.requests.map(({ prompt }) => prompt),
    ['wait for it', 'newcomer', 'flood 0', 'flood 1', 'flood 2', 'flood 3', 'flood 4'],
  );
});

for (const [hours, how] of [
  [1, 'forward'],
  [-1, 'back'],
] as const) {
  test(`what is left to wait stays the same when the machine's clock is set ${how} by an hour`, async (t) => {
    const { studio, ask, make, clock, started, painter, ended } = await openStudio(t);
    await make('a red fox');
    const running = await ask('wait a red fox');
    await started(running.id);
    const waiting = await ask('another');
    const left = () => [running, waiting].map(({ id }) => (studio.queuePosition(id).eta?.to ?? 0) - clock.now());
    const before = left();
    clock.jump(hours * 3_600_000);
    assert.deepEqual(left(), before);
    painter.release();
    await ended(waiting.id);
    assert.ok((await make('a third fox')).state === 'done');
  });
}

test('a job that is taken at once is not told that others are before it', async (t) => {
  const { studio, ask, painter } = await openStudio(t);
  const first = await ask('wait a red fox');
  assert.equal(first.state, 'queued');
  assert.equal(studio.jobReply(first).progress?.label, 'Waiting');
  painter.release();
});

test('an expected end is given once times were measured, and lies ahead', async (t) => {
  const { studio, ask, make, clock, started, painter } = await openStudio(t);
  await make('a red fox');
  const running = await ask('wait a red fox');
  await started(running.id);
  const waiting = await ask('another');
  const { position, eta } = studio.queuePosition(waiting.id);
  assert.equal(position, 1);
  assert.ok(eta !== null && eta.from > clock.now() && eta.to > eta.from && eta.to < clock.now() + 10_000);
  const reply = studio.jobReply(waiting);
  assert.equal(reply.progress?.label, 'Waiting, next in line');
  assert.deepEqual(actionsOf(reply), [`cancel:${waiting.id}`]);
  const shown = studio.jobReply(studio.job(running.id) ?? running);
  assert.match(shown.progress?.label ?? '', /^Sketching 1\/2/);
  assert.deepEqual(shown.preview, Uint8Array.of(1, 2, 3));
  painter.release();
});

test('a job whose process dies is tried once more; dying twice it fails with a reason and is refunded', async (t) => {
  const { make, history, painter, problems } = await openStudio(t);
  const once = await make('crash-once fox');
  assert.equal(once.state, 'done');
  const before = history.usage.today('user', 'web', 'ann').seconds;
  const twice = await make('crash fox');
  assert.equal(twice.state, 'failed');
  assert.equal(twice.error?.code, 'pipeline_crashed');
  assert.match(twice.error?.message ?? '', /died 2 times/);
  assert.equal(painter.requests.filter(({ prompt }) => prompt === 'crash fox').length, 2);
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, before);
  assert.equal((await make('a calm fox')).state, 'done', 'everyone else goes on');
  assert.ok(problems.some((problem) => problem.includes('SIGKILL')));
});

test('after a crash midway only the missing pictures are made, each with the seed it would have had', async (t) => {
  const { make, painter, events } = await openStudio(t);
  const job = await make('crash-midway fox n:3 seed:18446744073709551615');
  assert.deepEqual(
    job.images.map(({ index, seed }) => [index, seed]),
    [
      [0, 2n ** 64n - 1n],
      [1, 0n],
      [2, 1n],
    ],
  );
  assert.deepEqual(
    painter.requests.map(({ images }) => images.map(({ index }) => index)),
    [
      [0, 1, 2],
      [1, 2],
    ],
  );
  assert.deepEqual(
    events.flatMap(({ type, seq }) => (seq === null ? [] : [type])),
    ['queued', 'started', 'image', 'queued', 'started', 'image', 'image', 'done'],
  );
});

test('a request whose painters are lost again and again is given up after five starts that gave no picture', async (t) => {
  const { make, painter } = await openStudio(t);
  const lost = await make('lost fox');
  assert.deepEqual([lost.state, lost.error?.code, painter.requests.length], ['failed', 'painters_lost', 5]);
  assert.match(lost.error?.message ?? '', /lost its painter 5 times/);
  const slow = await make('lost-midway fox n:6');
  assert.deepEqual([slow.state, slow.images.length, painter.requests.length], ['done', 6, 5 + 6]);
});

test('a bot that is stopped amid a request uses up none of its starts', async (t) => {
  const first = await openStudio(t);
  const { id } = await first.ask('wait fox');
  await first.started(id);
  await first.close();
  const second = await openStudio(t, { folder: first.folder, still: true });
  assert.equal(second.studio.job(id)?.state, 'queued');
  assert.equal(second.history.jobs.starts(id), 0);
});

test('errors for people reach them whole, others are told to the operator alone', async (t) => {
  const { make, problems, history } = await openStudio(t);
  const told = await make('too-big fox');
  assert.deepEqual(told.error, { code: 'too_big', message: 'Too big for this machine.', hint: 'width:512' });
  for (const what of ['broken', 'bug']) {
    const failed = await make(`${what} fox`);
    assert.equal(failed.error?.code, 'internal');
    assert.doesNotMatch(JSON.stringify(failed.error), /0xdeadbeef|function/);
  }
  assert.match(problems.join('\n'), /0xdeadbeef/);
  const short = await make('greedy fox');
  assert.deepEqual(short.error, { code: 'memory_short', message: 'Needs 9 GB.', hint: 'width:512 should fit.' });
  assert.match(problems.join('\n'), /Needs 9 GB/);
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 0);
});

test('cancelling counts at once, waiting or running, and refunds', async (t) => {
  const { ask, click, say, studio, started, painter, history, make, clock } = await openStudio(t);
  const running = await ask('wait here');
  await started(running.id);
  const waiting = await ask('a red fox');
  const third = await ask('a grey fox');
  assert.equal((await click(`cancel:${waiting.id}`)).state, 'cancelled');
  await assert.rejects(studio.act(`cancel:${third.id}`, bob), { code: 'not_yours' });
  assert.equal((await click(`cancel:${third.id}`, caller({ user: 'eve', moderator: true }))).state, 'cancelled');
  assert.match(studio.job(third.id)?.error?.message ?? '', /moderator/);
  const newest = await studio.command('cancel', caller());
  assert.ok(newest.kind === 'job' && newest.job.id === running.id && newest.job.state === 'cancelled');
  await assert.rejects(studio.act(`cancel:${running.id}`, caller()), { code: 'already_finished' });
  await assert.rejects(studio.command('cancel', caller()), { code: 'job_unknown' });
  assert.equal(history.usage.today('guild', 'web', 'lobby').seconds, 0);
  assert.equal((await make('afterwards')).state, 'done');
  assert.deepEqual(
    painter.requests.map(({ prompt }) => prompt),
    ['wait here', 'afterwards'],
  );
  clock.advance(1000);
  assert.match((await say('queue')).title, /Nothing waits/);
});

test('closing lets the running job finish in time, else puts it back without blame; nothing new is taken', async (t) => {
  const first = await openStudio(t);
  const job = await first.ask('wait here');
  await first.started(job.id);
  const waiting = await first.ask('a red fox');
  const closing = first.studio.close(20_000);
  await assert.rejects(first.studio.command('late', caller()), { code: 'stopping' });
  await first.clock.awaited(20_000);
  first.clock.advance(20_000);
  await closing;
  assert.equal(first.studio.job(job.id)?.state, 'queued');
  assert.equal(first.history.jobs.stored(job.id)?.attempts, 0);
  await first.close();

  const second = await openStudio(t, { folder: first.folder });
  second.painter.release();
  while (second.painter.requests.length === 0) await new Promise(setImmediate);
  second.painter.release();
  assert.equal((await second.ended(job.id)).state, 'done');
  assert.equal((await second.ended(waiting.id)).state, 'done');
  assert.deepEqual(
    second.painter.requests.map(({ prompt }) => prompt),
    ['wait here', 'a red fox'],
  );

  const third = await openStudio(t);
  const quick = await third.ask('wait here');
  await third.started(quick.id);
  const done = third.studio.close(20_000);
  third.painter.release();
  await done;
  assert.equal(third.studio.job(quick.id)?.state, 'done');
});

test('a job is not blamed for the death of a bot that its pipeline process outlived, unless that happens on and on', async (t) => {
  const first = await openStudio(t, { still: true });
  const { id } = await first.ask('a red fox');
  first.history.jobs.start(id);
  await first.close();
  const { folder } = first;
  for (const starts of [1, 2, 3, 4]) {
    const next = await openStudio(t, { folder, still: true, pipelineOutlived: true });
    assert.equal(next.studio.job(id)?.state, 'queued');
    assert.equal(next.history.jobs.stored(id)?.attempts, 0, `after ${starts} starts`);
    next.history.jobs.start(id);
    await next.close();
  }
  const blamed = await openStudio(t, { folder, still: true, pipelineOutlived: true });
  assert.equal(blamed.history.jobs.stored(id)?.attempts, 1);
  blamed.history.jobs.start(id);
  await blamed.close();
  const last = await openStudio(t, { folder, still: true, pipelineOutlived: true });
  assert.equal(last.studio.job(id)?.state, 'failed');
});

test('a bot that is killed while it stops has blamed nobody; a process that dies meanwhile is still held against its job', async (t) => {
  const first = await openStudio(t);
  const job = await first.ask('wait here');
  await first.started(job.id);
  assert.equal(first.history.jobs.stored(job.id)?.attempts, 1);
  const closing = first.studio.close(20_000);
  assert.equal(first.history.jobs.stored(job.id)?.attempts, 0);
  first.painter.crash();
  await closing;
  assert.equal(first.history.jobs.stored(job.id)?.attempts, 1);
  assert.equal(first.studio.job(job.id)?.state, 'queued');
});

test('a job that a crash of the bot interrupted twice is given up at the next start', async (t) => {
  const first = await openStudio(t, { still: true });
  const { id } = await first.ask('a red fox');
  first.history.jobs.start(id);
  first.history.jobs.requeue(id);
  first.history.jobs.start(id);
  await first.close();
  const second = await openStudio(t, { folder: first.folder });
  const job = second.studio.job(id);
  assert.equal(job?.state, 'failed');
  assert.match(job?.error?.message ?? '', /crashed several times/);
  assert.deepEqual(
    second.studio.undelivered('web').map((one) => one.id),
    [id],
  );
});

test('the start order of waiting jobs is the same after a restart in the middle', async (t) => {
  const filled = async () => {
    const { ask, close, folder } = await openStudio(t, { still: true });
    for (let k = 0; k < 30; k += 1) {
      const room = `room${k % 4}`;
      await ask(`job ${k} n:${1 + (k % 3)}`, caller({ user: `user${k % 7}`, room, guild: room, payer: room }));
    }
    await close();
    return folder;
  };
  const firstStarts = async (folder: string, count: number) => {
    const { painter, studio, close } = await openStudio(t, { folder, still: true });
    const started: string[] = [];
    await new Promise<void>((resolve) => {
      painter.onStart = ({ prompt }) => {
        started.push(prompt);
        if (started.length === count) resolve();
      };
      studio.paint();
    });
    await close();
    return started;
  };
  const whole = await firstStarts(await filled(), 30);
  const folder = await filled();
  const before = await firstStarts(folder, 12);
  const after = await firstStarts(folder, 19);
  assert.equal(after[0], before[11], 'what was running goes on first');
  assert.deepEqual([...before, ...after.slice(1)], whole);
});

test('a full disk while a picture is saved fails that job with the reason, and refunds it', async (t) => {
  let full = false;
  const { make, history, studio } = await openStudio(t, {
    images: {
      write: async (file, content) => {
        if (full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        await file.writeFile(content);
      },
    },
  });
  full = true;
  const failed = await make('a red fox');
  assert.equal(failed.state, 'failed');
  assert.equal(failed.error?.code, 'disk_full');
  assert.match(studio.jobReply(failed).lines.join(' '), /no place to keep it/);
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 0);
  full = false;
  assert.equal((await make('a grey fox')).state, 'done');
});

test('the end of a job is written again until the database takes it', async (t) => {
  const { ask, ended, clock, painter, problems, started, folder, history } = await openStudio(t);
  const job = await ask('wait here');
  await started(job.id);
  history.database.pragma('busy_timeout = 1');
  const other = openSqlite(join(folder, 'wuerst.db'));
  other.exec('BEGIN IMMEDIATE');
  painter.release();
  await clock.awaited(1000);
  other.exec('ROLLBACK');
  other.close();
  clock.advance(1000);
  const done = await ended(job.id);
  assert.match(problems.join('\n'), /is locked by another program/);
  assert.equal(done.state, 'done');
});

test('a job that cannot be started for want of the database waits on', async (t) => {
  const { studio, ask, ended, clock, folder, history, problems } = await openStudio(t, { still: true });
  const job = await ask('a red fox');
  history.database.pragma('busy_timeout = 1');
  const other = openSqlite(join(folder, 'wuerst.db'));
  other.exec('BEGIN IMMEDIATE');
  studio.paint();
  await clock.awaited(1000);
  assert.equal(studio.job(job.id)?.state, 'queued');
  other.exec('ROLLBACK');
  other.close();
  clock.advance(1000);
  assert.equal((await ended(job.id)).state, 'done');
  assert.match(problems.join('\n'), /cannot be started/);
});

test('a listener that throws loses only that event', async (t) => {
  const { studio, make, problems } = await openStudio(t);
  const heard: string[] = [];
  studio.subscribe((event) => {
    if (event.type === 'started') throw new Error('oops');
    heard.push(event.type);
  });
  assert.equal((await make('a red fox')).state, 'done');
  assert.ok(heard.includes('done'));
  assert.match(problems.join('\n'), /a listener failed on started/);
});

test('pictures over the limits of age or room go, and come back when somebody asks', async (t) => {
  const { studio, make, history, clock, painter } = await openStudio(t);
  const jobs = [await make('a red fox'), await make('a grey fox')];
  clock.advance(86_400_000);
  assert.equal((await history.tidy({ maxAgeMs: 3_600_000 })).files, 2);
  const before = painter.requests.length;
  const paths = await Promise.all(jobs.map((job) => studio.imagePath(imageOf(job))));
  assert.ok(paths.every((path) => path !== null));
  assert.equal(painter.requests.length, before + 2);
});

test('who waits for a lost picture when the bot stops is told that there is none', async (t) => {
  const { studio, make, ask, started, history, close } = await openStudio(t);
  const job = await make('a red fox');
  const busy = await ask('wait here');
  await started(busy.id);
  await history.tidy({ maxBytes: 0 });
  const path = studio.imagePath(imageOf(job));
  await close();
  assert.equal(await path, null);
});

test('an image file that was lost is made again from its recipe, once for all who ask', async (t) => {
  const { studio, make, painter } = await openStudio(t);
  const job = await make('a red fox seed:7');
  const id = imageOf(job);
  const path = await studio.imagePath(id);
  assert.ok(path !== null);
  rmSync(path);
  const before = painter.requests.length;
  const paths = await Promise.all([studio.imagePath(id), studio.imagePath(id), studio.imagePath(id)]);
  assert.deepEqual(new Set(paths), new Set([path]), 'the same bytes lie in the same place');
  assert.equal(painter.requests.length, before + 1);
  assert.equal(painter.requests.at(-1)?.images[0]?.source.kind, 'embedding', 'without Stage C');
});

test('whatever is typed, clicked or filled in is answered: with a job, a reply, or an error for people', async (t) => {
  const { studio, history } = await openStudio(t, { still: true });
  history.settings.set('everywhere', 'userJobs', null, caller());
  history.settings.set('everywhere', 'guildJobs', null, caller());
  const fragments = fc.constantFrom(
    ...[
      'settings',
      'show',
      'cancel',
      'confirm',
      'erase',
      'help',
      'history',
      'queue',
      'export',
      '{a, b}',
      'width:',
      'n:2',
    ],
    ...[
      'seed:7',
      '--no',
      '"',
      '\\',
      '\u202e',
      '\u0000',
      '<script>',
      '@everyone',
      '<@1>',
      '`',
      '🦊',
      'pixels:5',
      '../../x',
    ],
    ...['reroll:', 'delete:', 'confirm:', 'info:abc1', "'; DROP TABLE jobs; --", 'a red fox', '/wuerst', '\ud800'],
  );
  const text = fc.array(fc.oneof(fragments, fc.string({ unit: 'binary', maxLength: 12 })), { maxLength: 6 });
  const answered = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      const { title, lines } = studio.errorReply(error);
      assert.ok(title.length > 0 && lines.length <= 1);
    }
  };
  await fc.assert(
    fc.asyncProperty(text, fc.boolean(), async (parts, moderator) => {
      const typed = parts.join(' ');
      const who = caller({ moderator });
      await answered(() => studio.command(typed, who));
      await answered(() => studio.act(typed, who, { text: typed }));
      studio.button(typed, who);
      studio.completions(typed, who);
      studio.recentPrompts(who, typed, 3);
      assert.equal(studio.promptById(typed, caller({ user: 'nobody' })), null);
    }),
    { numRuns: 300 },
  );
});
