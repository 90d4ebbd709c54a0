/**
 * How quickly the whole bot acknowledges Slack commands while 1,000 jobs wait and its pipeline paints: the bot is
 * `wuerst start` with the model that it finds, in a process of its own; Slack is the tests' stand-in.
 *
 *     node --import tsx bench/slack-command.ts [seconds]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { History } from '../src/bot/history/history.ts';
import type { Caller } from '../src/bot/job.ts';
import { sendCommand } from '../test/adapters/slack/payloads.ts';
import { APP_TOKEN, BOT_TOKEN, StandIn } from '../test/adapters/slack/stand-in.ts';

const SECONDS = Number(process.argv[2] ?? 60);
const WAITING = 1000;
const MINUTE = 60_000;

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function busiestMinute(times: readonly number[]): number {
  return Math.max(0, ...times.map((at, k) => times.slice(k).filter((later) => later < at + MINUTE).length));
}

const standIn = await StandIn.start();
const data = mkdtempSync(join(tmpdir(), 'bench-slack-'));
const operator: Caller = {
  ...{ surface: 'terminal', user: 'operator', name: 'operator', room: 'terminal', guild: null, payer: 'operator' },
  ...{ moderator: true, ageRestricted: false },
};
const history = History.open({ folder: data });
for (const rule of ['userJobs', 'guildJobs', 'userSeconds', 'guildSeconds'] as const) {
  history.settings.set('everywhere', rule, null, operator);
}
history.close();
const bot = spawn(
  process.execPath,
  ['--import', 'tsx', fileURLToPath(new URL('../src/cli.ts', import.meta.url)), 'start'],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...{ WUERST_DATA: data, WUERST_WEB: 'off', WUERST_LOG_LEVEL: 'silent', WUERST_DRAIN_SECONDS: '1' },
      ...{ SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_APP_TOKEN: APP_TOKEN, SLACK_API_URL: standIn.apiUrl },
    },
  },
);
process.once('exit', () => bot.kill('SIGKILL'));
const isPainted = () => standIn.visible().some((message) => standIn.shownPictures(message).length > 0);
await standIn.until(() => standIn.socket.sockets.length === 2, 'connected', MINUTE);

const channels = Array.from({ length: 100 }, () => standIn.channel().id);
const sent: Promise<{ readonly ms: number }>[] = [];
let number = 0;
function send(): void {
  const channel = channels[number % channels.length] ?? '';
  sent.push(sendCommand(standIn, `fox ${number} n:4`, { channel, user: `U0${number % 97}` }));
  number += 1;
}
const before = performance.now();
while (number < WAITING) {
  send();
  if (number % 10 === 0) await wait(200);
}
const flood = (await Promise.all(sent.splice(0))).map(({ ms }) => ms);
const taken = (performance.now() - before) / 1000;
await standIn.until(
  () => standIn.visible().filter(({ job }) => job !== null).length === WAITING,
  'all posted',
  3 * MINUTE,
);
await standIn.until(isPainted, 'something painted', 3 * MINUTE);

const end = performance.now() + SECONDS * 1000;
while (performance.now() < end) {
  send();
  await wait(200);
}
const busy = (await Promise.all(sent)).map(({ ms }) => ms);
const updates = standIn.calls.filter(({ method }) => method === 'chat.update').map(({ at }) => at);
const painted = standIn.visible().filter((message) => standIn.shownPictures(message).length > 0).length;
const report = {
  acknowledgedMs: {
    flood: { n: flood.length, seconds: taken, p50: percentile(flood, 0.5), p99: percentile(flood, 0.99) },
    busy: { n: busy.length, p50: percentile(busy, 0.5), p99: percentile(busy, 0.99), most: Math.max(...busy) },
    later: standIn.socket.late,
  },
  paintedMeanwhile: painted,
  updates: { total: updates.length, busiestMinute: busiestMinute(updates), allowed: 50 },
  answeredWith429: standIn.tooMany,
  violations: standIn.violations.length,
};
console.log(
  JSON.stringify(report, (_key, value) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value), 2),
);
bot.kill('SIGTERM');
await new Promise((resolve) => bot.once('exit', resolve));
await standIn.close();
rmSync(data, { recursive: true, force: true });
process.exit(0);
