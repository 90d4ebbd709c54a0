import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { History } from '../../../src/bot/history/history.ts';
import { temporaryFolder } from '../../bot-process.ts';
import { LOADER } from '../../program.ts';
import { mention, sendCommand } from './payloads.ts';
import { StandIn } from './stand-in.ts';

const CHILD = new URL('./kill-child.ts', import.meta.url);
const KILLS = 4;
const COMMANDS = 5;

test('killed again and again at any moment, every command and mention becomes one job that is shown once', {
  timeout: 600_000,
}, async (t) => {
  const standIn = await StandIn.start();
  standIn.limited = false;
  const folder = temporaryFolder(t);
  let child: ChildProcess | null = null;
  t.after(async () => {
    child?.kill('SIGKILL');
    await standIn.close();
  });
  // Also lost answers.
  standIn.faults.push({ method: 'chat.postMessage', how: 'drop-after', times: 2 });
  standIn.faults.push({ method: 'chat.update', how: 'drop-after', times: 2 });
  standIn.faults.push({ method: 'files.completeUploadExternal', how: 'drop-after', times: 2 });

  const born = async (): Promise<ChildProcess> => {
    const process = fork(CHILD, [standIn.apiUrl, folder], { execArgv: [...LOADER], stdio: 'inherit' });
    await once(process, 'message');
    return process;
  };
  const sent: Promise<unknown>[] = [];
  const prompts: string[] = [];
  for (let round = 0; round < KILLS; round++) {
    child = await born();
    const channel = standIn.channel().id;
    for (let k = 0; k < COMMANDS; k++) {
      const text = `fox ${round} of ${k} hens`;
      const user = `U0${round}${k}`;
      prompts.push(text);
      sent.push(
        k % 2 === 0 ? sendCommand(standIn, text, { channel, user }) : mention(standIn, { text, channel, user }),
      );
      await wait(Math.random() * 60);
    }
    // The moments worth dying in are few: between storing, posting, uploading, updating and noting.
    await wait(Math.random() * 500);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  child = await born();
  await Promise.all(sent);
  const results = () => standIn.visible().filter((message) => standIn.shownPictures(message).length > 0);
  // A job that the bot died over twice says so in place of a picture.
  const givenUp = () => standIn.visible().filter(({ job, text }) => job !== null && text.includes('given up'));
  const ends = () => new Set([...results(), ...givenUp()].map(({ job }) => job));
  await standIn.until(() => ends().size === prompts.length, 'all shown', 300_000);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;

  const history = History.open({ folder });
  t.after(() => history.close());
  const jobs = history.lists.page({ surface: 'slack', limit: 1000 });
  const lines = standIn.visible().length - results().length;
  t.diagnostic(`${jobs.length} jobs, ${lines} lines left behind, ${standIn.calls.length} calls`);
  assert.deepEqual(jobs.map(({ request }) => request.prompt).toSorted(), prompts.toSorted());
  const idsOf = (state: string) => jobs.filter((job) => job.state === state).map(({ id }) => id);
  const shown = results().map(({ job }) => job);
  assert.deepEqual(shown.toSorted(), idsOf('done').toSorted(), 'each job is shown once');
  assert.deepEqual(new Set(givenUp().map(({ job }) => job)), new Set(idsOf('failed')));
  assert.deepEqual(history.lists.undelivered('slack'), []);
  assert.deepEqual(
    standIn
      .keptFiles()
      .map(({ id }) => id)
      .toSorted(),
    results()
      .flatMap((message) => standIn.shownPictures(message).map(({ id }) => id))
      .toSorted(),
    'every file that Slack keeps is shown',
  );
  assert.deepEqual(standIn.violations, []);
});
