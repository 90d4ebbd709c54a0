import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PERSON_BOUNDS } from '../../../src/bot/person-bounds.ts';
import { caller } from '../history/history-fixture.ts';
import { openStudio } from './studio-fixture.ts';

const TRIES = 10_000;

test('ten thousand questions of 16 KB leave the last few of a person, and those of others alone', async (t) => {
  const { history, say, clock } = await openStudio(t, { still: true });
  const bob = caller({ user: 'bob' });
  await say('a {red, blue} cake', bob);
  const { questions } = PERSON_BOUNDS;
  const kept = () => history.confirmations.ofUser('web', 'ann');
  const [of] = history.confirmations.ofUser('web', 'bob');
  assert.ok(of);
  const long = of.requests.slice(0, 1).map((request) => ({ ...request, prompt: 'x'.repeat(16_000) }));
  const large = Array.from({ length: 40 }, () => long).flat();
  const save = (asked: typeof large) => {
    clock.advance(1);
    return history.confirmations.save({ caller: caller(), requests: asked, expiresAt: clock.now() + 3_600_000 });
  };
  for (let tries = 0; tries < TRIES; tries++) save(tries % 1000 === 0 ? large : [...of.requests]);
  const newest = save([...of.requests]);
  assert.equal(kept().length, questions.count);
  assert.equal(history.confirmations.newestOf('web', 'ann'), newest);
  for (let tries = 0; tries < 5; tries++) {
    const id = save(large);
    assert.equal(history.confirmations.newestOf('web', 'ann'), id);
  }
  assert.equal(kept().length, 1);
  assert.equal(history.confirmations.ofUser('web', 'bob').length, 1);
});

test('of ten thousand exports a person gets a few, on any platform, and the next after a while', async (t) => {
  const { studio, clock, say } = await openStudio(t, { still: true });
  const given = async (who = caller()) => {
    let count = 0;
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        if (tries % 2 === 0) await studio.command('export', who);
        else studio.exportText(who);
        count += 1;
      } catch (error) {
        assert.equal((error as { code: string }).code, 'too_many_exports');
      }
    }
    return count;
  };
  const { atOnce, perSecond } = PERSON_BOUNDS.exports;
  assert.equal(await given(), atOnce);
  assert.equal(await given(caller({ surface: 'discord' })), atOnce);
  await say('export', caller({ user: 'bob' }));
  clock.advance(1000 / perSecond + 1000);
  assert.equal(await given(), 1);
});

test('an export in parts is the whole export, and the sign-in goes with the rest when somebody is erased', async (t) => {
  const { studio, history, make } = await openStudio(t);
  const { webAccounts } = history;
  webAccounts.claim('ann', { admin: false });
  const token = webAccounts.addToken('ann', 'nightly script');
  const jobs = [await make('a cake n:2'), await make('a panda on a green background')];
  const parts = [...studio.exportText(caller())];
  assert.equal(parts.length, jobs.length + 2);
  const exported = JSON.parse(parts.join(''));
  assert.deepEqual(exported, JSON.parse(history.personalData.export('web', 'ann').json));
  assert.deepEqual(
    exported.jobs.map(({ id }: { id: string }) => id),
    jobs.map(({ id }) => id),
  );
  assert.deepEqual(
    [exported.signIn.account.name, exported.signIn.keys.map(({ label }: { label: string }) => label)],
    ['ann', ['nightly script']],
  );
  assert.doesNotMatch(parts.join(''), new RegExp(token.split('_')[2] ?? ''));
  const none = JSON.parse([...studio.exportText(caller({ user: 'nobody' }))].join(''));
  assert.deepEqual(none.jobs, []);
  await studio.act('erase:me', caller());
  assert.deepEqual([webAccounts.get('ann'), webAccounts.keyOfSecret(token)], [null, null]);
});
