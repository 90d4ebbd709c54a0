import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from '../../../src/bot/history/history.ts';
import { deliveryOf } from '../../bot/history/history-fixture.ts';
import { BotProcess, temporaryFolder } from '../../bot-process.ts';
import { sendCommand } from './payloads.ts';
import { StandIn, type StoredMessage, TOKEN } from './stand-in.ts';

/** The bot dies when this many of its requests have taken effect, before it hears so: deferring, storing, editing, noting. */
const DEATHS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12];

function showsResult({ attachments }: StoredMessage): boolean {
  return attachments.some(({ filename }) => filename.startsWith('round-'));
}

test('killed again and again at any moment, every job is shown once and none twice', {
  timeout: 600_000,
}, async (t) => {
  const standIn = await StandIn.start();
  t.after(() => standIn.close());
  const folder = temporaryFolder(t);
  const env = { DISCORD_TOKEN: TOKEN, DISCORD_API_BASE: standIn.apiBase, WUERST_WEB: 'off' };
  const channel = standIn.channel().id;
  // Also lost answers: to deferring and to edits.
  standIn.faults.push({ method: 'PATCH', path: /./, how: 'drop-after', times: 3 });
  standIn.faults.push({ method: 'POST', path: /callback$/, how: 'drop-after', times: 2 });

  for (const [round, requests] of DEATHS.entries()) {
    const bot = new BotProcess(t, folder, env);
    await bot.url();
    let left = requests;
    standIn.onRequest = () => {
      left -= 1;
      if (left === 0) bot.child.kill('SIGKILL');
    };
    for (let k = 0; k < 3; k += 1) {
      sendCommand(standIn, 'wuerst', { prompt: `round ${round} number ${k}`, images: 1 + (k % 2) }, { channel });
    }
    await bot.ended;
  }
  standIn.onRequest = () => {};
  const last = new BotProcess(t, folder, env);
  await last.url();
  sendCommand(standIn, 'wuerst', { prompt: 'round off' }, { channel });
  const isOff = ({ attachments: [file, ...more] }: StoredMessage) =>
    more.length === 0 && file?.filename.startsWith('round-off') === true;
  await standIn.until(() => standIn.visible().some(isOff), 'the last one shown', 300_000);
  const isOver = (message: StoredMessage) => showsResult(message) || !message.loading;
  await standIn.until(() => standIn.visible().every(isOver), 'all shown', 300_000);
  last.child.kill('SIGTERM');
  await last.ended;

  const history = History.open({ folder });
  t.after(() => history.close());
  const jobs = history.lists.page({ surface: 'discord', limit: 1000 });
  t.diagnostic(`${jobs.length} jobs, ${standIn.messages.size} messages, ${standIn.requests.length} requests`);
  assert.ok(jobs.length > DEATHS.length, `${jobs.length} jobs`);
  for (const { id, state, request } of jobs) {
    assert.equal(deliveryOf(history, id).problem, null);
    const showing = standIn.visible().filter(({ embeds }) => embeds[0]?.footer?.text === id);
    assert.equal(showing.length, 1, `${id} is shown ${showing.length} times`);
    // Twice under way when the bot died: it is not tried again, and its message says so.
    if (state === 'failed') assert.match(JSON.stringify(showing[0]?.embeds), /given up/);
    else assert.deepEqual([state, showing[0]?.attachments.length], ['done', request.n]);
  }
  assert.deepEqual(standIn.violations, []);
});
