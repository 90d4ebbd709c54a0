/**
 * How quickly Slack commands are acknowledged, and how the workspace's calls are shared, while 1,000 jobs wait and 50
 * are in flight with a preview every 100 ms each. The adapter and its Bolt app are real; Slack is the tests' stand-in,
 * in the same process, and the core is the one in memory, so the figures are the adapter's own share.
 *
 *     node --import tsx bench/slack.ts [seconds]
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createSlackAdapter } from '../src/adapters/slack/adapter.ts';
import { FakeCore, PIXEL } from '../test/adapters/fake-core.ts';
import { sendCommand } from '../test/adapters/slack/payloads.ts';
import { APP_TOKEN, BOT_TOKEN, StandIn } from '../test/adapters/slack/stand-in.ts';

const SECONDS = Number(process.argv[2] ?? 60);
const WAITING = 1000;
const IN_FLIGHT = 50;
const MINUTE = 60_000;

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function busiestMinute(times: readonly number[]): number {
  return Math.max(0, ...times.map((at, k) => times.slice(k).filter((later) => later < at + MINUTE).length));
}

const standIn = await StandIn.start();
const core = new FakeCore();
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const adapter = createSlackAdapter({
  botToken: BOT_TOKEN,
  transport: { kind: 'socket', appToken: APP_TOKEN },
  apiUrl: standIn.apiUrl,
  port: 0,
  logger,
});
await adapter.start(core);

const channels = Array.from({ length: 100 }, () => standIn.channel().id);
const sent: Promise<{ readonly ms: number }>[] = [];
function send(k: number): void {
  sent.push(sendCommand(standIn, `fox ${k}`, { channel: channels[k % channels.length] ?? '' }));
}

for (let k = 0; k < WAITING + IN_FLIGHT; k++) {
  send(k);
  if (k % 20 === 19) await wait(40);
}
const flood = (await Promise.all(sent.splice(0))).map(({ ms }) => ms);
await standIn.until(() => core.messages.size === WAITING + IN_FLIGHT);

const running = [...core.jobsById.keys()].slice(0, IN_FLIGHT);
for (const id of running) core.started(id);
const end = performance.now() + SECONDS * 1000;
let number = WAITING + IN_FLIGHT;
let delayed = 0;
for (let tick = 0; performance.now() < end; tick++) {
  for (const id of running) core.step(id, ((tick * 7) % 100) / 100, PIXEL);
  if (tick % 2 === 0) send(number++);
  const before = performance.now();
  await wait(100);
  delayed = Math.max(delayed, performance.now() - before - 100);
}
const busy = (await Promise.all(sent)).map(({ ms }) => ms);

const finished = performance.now();
for (const id of running) core.finish(id);
while (core.delivered.size < IN_FLIGHT) await wait(200);
const updates = standIn.calls.filter(({ method }) => method === 'chat.update').map(({ at }) => at);
const report = {
  acknowledgedMs: {
    flood: { n: flood.length, p50: percentile(flood, 0.5), p99: percentile(flood, 0.99) },
    busy: { n: busy.length, p50: percentile(busy, 0.5), p99: percentile(busy, 0.99), most: Math.max(...busy) },
    later: standIn.socket.late,
  },
  updates: {
    total: updates.length,
    busiestMinute: busiestMinute(updates),
    allowed: 50,
    answeredWith429: standIn.tooMany,
  },
  finals: { delivered: core.delivered.size, of: IN_FLIGHT, seconds: (performance.now() - finished) / 1000 },
  longestTimerDelayMs: delayed,
};
console.log(
  JSON.stringify(report, (_key, value) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value), 2),
);
await adapter.stop(1000);
await standIn.close();
process.exit(0);
