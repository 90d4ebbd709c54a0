import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../../../src/bot/job.ts';
import { heldPhrase } from '../../../src/bot/rules/word-filter.ts';
import { auditLog, caller } from '../history/history-fixture.ts';
import { FakePainter } from '../jobs/fake-painter.ts';
import { actionsOf, imageOf, openStudio, replyIn } from './studio-fixture.ts';

const admin = caller({ user: 'mo', moderator: true });

test('10,000 clicks on one button make as many jobs as the limit allows, and the rest are told why', async (t) => {
  const { studio, make, say, ask, started, painter } = await openStudio(t);
  const parent = await make('a red fox');
  await say('settings user-jobs:5', admin);
  const running = await ask('wait here');
  await started(running.id);
  const outcomes = new Map<string, number>();
  for (let click = 0; click < 10_000; click += 1) {
    const what = await studio.act(`reroll:${imageOf(parent)}`, caller()).then(
      () => 'job',
      (error: { code: string }) => error.code,
    );
    outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  }
  assert.deepEqual(
    [...outcomes],
    [
      ['job', 4],
      ['limit_user_jobs', 9996],
    ],
  );
  painter.release();
});

test('10,000 deliveries of one click make one job', async (t) => {
  const { studio, make } = await openStudio(t);
  const parent = await make('a red fox');
  const jobs = new Set<string>();
  for (let click = 0; click < 10_000; click += 1) {
    const outcome = await studio.act(`reroll:${imageOf(parent)}`, caller(), { idempotencyKey: 'click 1' });
    if (outcome.kind === 'job') jobs.add(`${outcome.job.id} ${outcome.repeated || click === 0}`);
  }
  assert.equal(jobs.size, 1);
  assert.equal(studio.jobs({ surface: 'web', limit: 10 }).length, 2);
});

test('a limit says which it is, how much is used and when there is room again', async (t) => {
  const { studio, ask, say, make, started, painter, ended } = await openStudio(t);
  await make('a red fox');
  await say('settings user-jobs:2 guild-jobs:3', admin);
  const running = await ask('wait here');
  await started(running.id);
  await ask('a grey fox');
  await assert.rejects(ask('a third'), {
    code: 'limit_user_jobs',
    message: 'You have 2 of at most 2 unfinished requests.',
    hint: new RegExp(`room for another when ${running.id} is done, in about \\d+ s. The rule is the setting user-jobs`),
  });
  const kitchen = caller({ room: 'kitchen', guild: 'kitchen', payer: 'kitchen' });
  await say('settings user-jobs:2', { ...admin, ...{ room: 'kitchen', guild: 'kitchen', payer: 'kitchen' } });
  await assert.rejects(ask('elsewhere', kitchen), { code: 'limit_user_jobs' }, 'counted over all rooms');
  await ask('a third', caller({ user: 'bob' }));
  await assert.rejects(ask('a fourth', caller({ user: 'cid' })), {
    code: 'limit_guild_jobs',
    message: /This place has 3 of at most 3/,
  });
  await assert.rejects(
    say('{a, b} fox', caller({ user: 'cid' })).then((reply) =>
      studio.act(actionsOf(reply)[0] ?? '', caller({ user: 'cid' })),
    ),
    {
      code: 'limit_guild_jobs',
      message: /this would add 2/,
    },
  );
  painter.release();
  await ended(running.id);
});

test('seconds of a day are reserved, used up, refunded and free again at midnight', async (t) => {
  const { ask, say, make, click, clock, history } = await openStudio(t);
  await make('a red fox');
  const used = history.usage.today('user', 'web', 'ann').seconds;
  assert.equal(used, 0.9);
  await say('settings user-seconds:2', admin);
  await make('a grey fox');
  await assert.rejects(ask('one more'), {
    code: 'limit_user_seconds',
    message: 'This needs about 0.9 s of accelerator time. Your quota for today is 2 s, and 1.8 s are used.',
    hint: /The count starts again at midnight UTC, in 24 h; a smaller picture or fewer steps need less/,
  });
  await say('settings user-seconds:default guild-seconds:1', admin);
  await assert.rejects(ask('one more', caller({ user: 'bob' })), {
    code: 'limit_guild_seconds',
    message: /quota for today is 1 s, and 1\.8 s are used/,
  });
  clock.advance(24 * 3_600_000);
  await say('settings guild-seconds:1000', admin);
  const waiting = await ask('wait here');
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 0.9, 'reserved');
  await click(`cancel:${waiting.id}`);
  assert.equal(history.usage.today('guild', 'web', 'lobby').seconds, 0, 'refunded');
});

test('pixels and pictures per request are limited in what is typed and in what is derived', async (t) => {
  const { ask, say, make, click } = await openStudio(t);
  const big = await make('a red fox size:1024x1024 n:4');
  await say('settings pixels:500000 images:2', admin);
  await assert.rejects(ask('a fox size:1024x1024'), { code: 'too_many_pixels' });
  await assert.rejects(ask('a fox n:3'), { code: 'bad_n' });
  assert.ok((await ask('a fox ar:1:1')).request.width <= 707, 'sizes that are not named fit the limit');
  await assert.rejects(click(`reroll:${big.id}`), { code: 'limit_pixels', hint: /The rule is the setting pixels/ });
  await say('settings pixels:default', admin);
  assert.equal((await click(`reroll:${big.id}`)).request.n, 2);
});

test('blocked words are found in every disguise, in prompts, negatives, remixes and permutations', async (t) => {
  const { ask, say, make, studio } = await openStudio(t);
  const job = await make('a red fox');
  await say('settings blocked-words:"gremlin, très méchant"', admin);
  for (const prompt of [
    'a gremlin',
    'a GREMLIN!',
    'a gr\u0435mlin in the sun',
    'g r e m l i n',
    'a g.r.e.m.l.i.n here',
    'gr3ml1n',
    'a gre\u200bmlin',
    'ｇｒｅｍｌｉｎ',
    'a tres mechant fox',
    'a fox negative:gremlin',
  ]) {
    await assert.rejects(ask(prompt), { code: 'blocked_word', message: /"(gremlin|très méchant)"/ }, prompt);
  }
  await assert.rejects(studio.act(`remix:${imageOf(job)}`, caller(), { text: 'a gremlin' }), { code: 'blocked_word' });
  await assert.rejects(say('a {red, gremlin} fox'), { code: 'blocked_word' });
  await assert.rejects(ask('two gremlins'), { code: 'blocked_word' }, 'the plural is the same word');
  assert.equal((await make('a gremlinesque fox')).state, 'done');
  await say('settings blocked-words:+fox,-gremlin', admin);
  await assert.rejects(studio.act(`reroll:${job.id}`, caller()), { code: 'blocked_word' }, 'also the old prompt');
  assert.equal((await make('a gremlin')).state, 'done');
  assert.equal(heldPhrase(['a classy grass'], ['ass']), null, 'whole words only');
});

test('nsfw is refused where it is off and outside rooms for adults, naming the rule', async (t) => {
  const { ask, say, make } = await openStudio(t);
  const adults = caller({ ageRestricted: true });
  await assert.rejects(ask('a nude statue'), { code: 'nsfw_room', hint: /age-restricted/ });
  assert.equal((await make('a nude statue', adults)).state, 'done');
  assert.equal((await make('a statue negative:nude')).state, 'done', 'what is kept out may be named');
  await say('settings nsfw off', admin);
  await assert.rejects(ask('a nude statue', adults), { code: 'nsfw_off', hint: /nsfw: off/ });
});

test('blocked people may ask for nothing; results may have to be covered', async (t) => {
  const { ask, say, make, studio } = await openStudio(t);
  const job = await make('a red fox');
  await say('settings blocked-users:+bob', admin);
  await say('settings spoiler yes', admin);
  await assert.rejects(ask('a fox', caller({ user: 'bob' })), { code: 'blocked_user' });
  await assert.rejects(studio.act(`info:${imageOf(job)}`, caller({ user: 'bob' })), { code: 'blocked_user' });
  assert.equal((await ask('a grey fox')).request.spoiler, true);
});

test('whoever runs the bot sees among the settings who paints and what each does', async (t) => {
  const { say, ask, started, painters, painter } = await openStudio(t);
  painters.join(new FakePainter('second'));
  const away = new FakePainter('third');
  away.status = { info: null, ready: false };
  painters.join(away);
  await started((await ask('wait panda seed:1 n:1')).id);
  const shown = async (who: Caller) => (await say('settings', who)).fields.find(({ name }) => name === 'Who paints');
  assert.equal(
    (await shown(caller({ moderator: true })))?.value,
    'Painter fake paints (fake-fp32)\nPainter second is ready (fake-fp32)\nPainter third is not ready',
  );
  assert.equal(await shown(caller()), undefined);
  assert.equal(await shown(caller({ surface: 'discord', moderator: true })), undefined, 'a moderator of a guild');
  painter.release();
});

test('settings are for moderators, within what whoever runs the bot allows', async (t) => {
  const { studio, say, history } = await openStudio(t);
  const guild = { surface: 'discord', guild: '1', payer: 'discord:guild:1', room: '2' } as const;
  const mod = caller({ ...guild, user: 'mod', moderator: true });
  await assert.rejects(say('settings user-jobs:2'), { code: 'settings_not_allowed' });
  await assert.rejects(studio.command('settings user-jobs:100', mod), {
    code: 'setting_above_limit',
    message: /up to 50/,
  });
  await assert.rejects(studio.command('settings user-jobs:none', mod), { code: 'setting_above_limit' });
  await assert.rejects(studio.command('settings weight:100', mod), { code: 'settings_not_allowed' });
  await assert.rejects(studio.command('settings user-jobs:many', mod), { code: 'setting_value' });
  await assert.rejects(studio.command('settings user-jobs:0', mod), { code: 'setting_value' });
  await assert.rejects(studio.command('settings user-jobs:3 nsfw:maybe', mod), { code: 'setting_value' });
  assert.equal(history.settings.at(guild).userJobs, 50, 'all or none');
  await studio.command('settings user-jobs:3 nsfw:off', mod);
  assert.equal(history.settings.at(guild).userJobs, 3);
  await assert.rejects(studio.command('settings userjobs:3', mod), /Expected|There is no setting/);
  await say('settings everywhere-user-jobs:7', admin);
  assert.equal(history.settings.at({ surface: 'discord', guild: '9' }).userJobs, 7);
  assert.match((await say('settings everywhere-user-jobs', admin)).fields[0]?.value ?? '', /7/);
  await say('settings weight:3', admin);
  assert.equal(history.settings.at({ surface: 'web', guild: 'lobby' }).weight, 3);
  const direct = caller({ surface: 'discord', guild: null, user: 'mod', moderator: true, room: 'dm', payer: 'x' });
  await assert.rejects(studio.command('settings user-jobs:3', direct), { code: 'settings_need_a_guild' });
  const audit = auditLog(history, 'discord', '1');
  assert.deepEqual(
    audit.map(({ target, actor }) => [target, actor]),
    [
      ['nsfw', 'mod'],
      ['userJobs', 'mod'],
    ],
  );
});

test('moderators see the last changes of their own guild, and whoever runs the bot those that hold everywhere', async (t) => {
  const { studio, say, ask, clock } = await openStudio(t);
  const changes = async (who: Caller) => {
    const { fields } = replyIn(await studio.command('settings', who));
    return fields.filter(({ name }) => name.startsWith('Changed')).map(({ name, value }) => `${name}: ${value}`);
  };
  const guild = { surface: 'discord', guild: '1', payer: 'discord:guild:1', room: '2' } as const;
  const mod = caller({ ...guild, user: '77', name: '*Mo* @everyone', moderator: true });
  assert.deepEqual(await changes(mod), []);
  await studio.command('settings user-jobs:3', mod);
  await ask('a fox that makes the name known', mod);
  clock.advance(60_000);
  await studio.command('settings blocked-words:+a,+b', mod);
  await studio.command('settings user-jobs:default', mod);
  await studio.command('settings nsfw:off', { ...mod, guild: '9', payer: 'discord:guild:9' });
  await say('settings everywhere-guild-seconds:none weight:2', admin);

  const who = '*Mo* @everyone (77)';
  const [then, now] = [0, 60_000].map((ms) => new Date(clock.now() - 60_000 + ms).toISOString().slice(0, 16));
  assert.deepEqual(await changes(mod), [
    `Changed ${now?.replace('T', ' ')} UTC by ${who}: user-jobs: default`,
    `Changed ${now?.replace('T', ' ')} UTC by ${who}: blocked-words: a, b`,
    `Changed ${then?.replace('T', ' ')} UTC by ${who}: user-jobs: 3`,
  ]);
  assert.deepEqual(await changes(caller({ ...guild, user: 'bob' })), []);
  assert.deepEqual(await changes({ ...mod, guild: null }), []);
  const operator = (await changes(admin)).map((line) => line.replace(/^.* by /, ''));
  assert.deepEqual(operator, ['mo: weight: 2', 'mo: everywhere-guild-seconds: no limit']);

  for (let count = 1; count <= 9; count += 1) await studio.command(`settings guild-jobs:${count}`, mod);
  assert.equal((await changes(mod)).length, 5);
  await studio.act('erase:me', caller({ user: 'mo' }));
  assert.match((await changes(admin))[0] ?? '', /by a person whose data was erased: weight: 2$/);
});

test('a guild of greater weight gets more turns', async (t) => {
  const { ask, say, started, painter, ended } = await openStudio(t);
  const of = (room: string) => caller({ room, guild: room, payer: room, user: `user of ${room}` });
  await say('settings weight:3', { ...of('big'), moderator: true });
  const first = await ask('wait here', of('other'));
  await started(first.id);
  const jobs = [];
  for (let k = 0; k < 8; k += 1) jobs.push(await ask(`big ${k}`, of('big')), await ask(`small ${k}`, of('small')));
  painter.release();
  await Promise.all(jobs.map(({ id }) => ended(id)));
  const order = painter.requests.map(({ prompt }) => prompt.split(' ')[0]);
  assert.ok(order.slice(1, 9).filter((who) => who === 'big').length >= 5);
});

test('guilds can only tighten what holds everywhere, whichever was set first', async (t) => {
  const { studio, say, history } = await openStudio(t);
  const guild = { surface: 'discord', guild: '1', payer: 'discord:guild:1', room: '2' } as const;
  const mod = caller({ ...guild, user: 'mod', moderator: true });
  const set = (text: string) => studio.command(`settings ${text}`, mod);
  await set('user-jobs:40 images:4 blocked-words:cat,dog');
  await say('settings everywhere-user-jobs:7 everywhere-images:2 everywhere-nsfw:off everywhere-spoiler:yes', admin);
  await say('settings everywhere-blocked-words:gremlin,orc everywhere-blocked-users:eve', admin);
  const here = () => history.settings.at(guild);
  assert.deepEqual([here().userJobs, here().images, here().nsfw, here().spoiler], [7, 2, 'off', true]);
  assert.deepEqual(here().blockedWords, ['gremlin', 'orc', 'cat', 'dog']);
  for (const loose of [
    'nsfw:age-restricted',
    'spoiler:no',
    'images:none',
    'blocked-words:-orc',
    'blocked-users:-eve',
  ]) {
    await assert.rejects(set(loose), { code: 'setting_above_limit' }, loose);
  }
  await set('blocked-words:none blocked-users:none');
  assert.deepEqual([here().blockedWords, here().blockedUsers], [['gremlin', 'orc'], ['eve']]);
  await set('blocked-words:+foo');
  await say('settings everywhere-blocked-words:-orc', admin);
  assert.deepEqual(here().blockedWords, ['gremlin', 'foo'], 'no copy of the longer list is kept');
  await assert.rejects(studio.command('a gremlin', caller(guild)), { code: 'blocked_word' });
  await assert.rejects(studio.command('a fox', caller({ ...guild, user: 'eve' })), { code: 'blocked_user' });
});

test("a direct message that a guild pays for has the guild's rules", async (t) => {
  const { studio } = await openStudio(t);
  const team = { surface: 'slack', guild: 'T1', payer: 'slack:team:T1', room: 'T1:C1' } as const;
  await studio.command('settings blocked-words:gremlin spoiler:yes', caller({ ...team, moderator: true }));
  const direct = caller({ ...team, guild: null, room: 'T1:D1' });
  await assert.rejects(studio.command('a gremlin', direct), { code: 'blocked_word' });
  const outcome = await studio.command('a fox', direct);
  assert.equal(outcome.kind === 'job' && outcome.job.request.spoiler, true);
  const own = caller({ ...team, guild: null, room: 'T2:D1', payer: 'slack:team:T2' });
  assert.equal((await studio.command('a gremlin', own)).kind, 'job');
});

test('a picture is shown only where the rules allow it, and covered where they say so', async (t) => {
  const { studio, say, make } = await openStudio(t);
  const adults = caller({ ageRestricted: true });
  const nude = await make('a nude statue', adults);
  const fox = await make('a red fox');
  const den = caller({ room: 'den', guild: 'den', payer: 'den' });
  const direct = caller({ room: 'dm', guild: null, payer: 'ann' });
  for (const place of [den, direct, caller()]) {
    await assert.rejects(studio.command(`show ${nude.id}`, place), { code: 'nsfw_room' });
    for (const verb of ['show', 'info', 'reroll', 'vary-subtle']) {
      await assert.rejects(studio.act(`${verb}:${imageOf(nude)}`, place), { code: 'nsfw_room' }, verb);
    }
  }
  assert.deepEqual(
    (await say('history', den)).images.map(({ id }) => id),
    [imageOf(fox)],
  );
  assert.equal((await say('history', adults)).images.length, 2);
  assert.equal((await studio.command(`show ${nude.id}`, adults)).kind, 'job');

  await say('settings spoiler:yes', { ...den, user: 'mo', moderator: true });
  assert.equal(studio.jobReply(fox).images[0]?.spoiler, false);
  assert.equal((await say('history', den)).images[0]?.spoiler, true);
  const shown = await studio.command(`show ${fox.id}`, den);
  assert.equal(shown.kind === 'job' && studio.jobReply(studio.job(shown.job.id) ?? fox).images[0]?.spoiler, true);
});

test('what has become forbidden is neither made nor shown any more, and can still be deleted', async (t) => {
  const { studio, say, ask, make, started, painter, ended } = await openStudio(t);
  const old = await make('a red gremlin');
  const running = await ask('wait here');
  await started(running.id);
  const waiting = await ask('two gremlins');
  assert.notEqual(await studio.imagePath(imageOf(old)), null);
  await say('settings blocked-words:+gremlin', admin);
  const reply = studio.jobReply(old);
  assert.deepEqual([reply.images, reply.preview], [[], null]);
  assert.doesNotMatch(JSON.stringify([reply.title, reply.buttons]), /gremlin|reroll/);
  assert.equal(await studio.imagePath(imageOf(old)), null);
  painter.release();
  const refused = await ended(waiting.id);
  assert.deepEqual([refused.state, refused.error?.code], ['failed', 'blocked_word']);
  const gone = await studio.act(`delete:${imageOf(old)}`, caller());
  assert.equal(gone.kind === 'job' && gone.job.images[0]?.deleted, true);
});
