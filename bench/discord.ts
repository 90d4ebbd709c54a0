/**
 * How quickly Discord commands are acknowledged, and how often messages are edited, while 1,000 jobs wait and 50 are
 * in flight with a preview every 100 ms each. The adapter and its discord.js client are real; Discord is the tests'
 * stand-in, in the same process, and the core is the one in memory, so the figures are the adapter's own share.
 *
 *     node --import tsx bench/discord.ts [seconds]
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createDiscordAdapter } from '../src/adapters/discord/adapter.ts';
import { sendCommand } from '../test/adapters/discord/payloads.ts';
import { StandIn, TOKEN } from '../test/adapters/discord/stand-in.ts';
import { FakeCore, PIXEL } from '../test/adapters/fake-core.ts';

const SECONDS = Number(process.argv[2] ?? 30);
const WAITING = 1000;
const IN_FLIGHT = 50;
const EDIT_INTERVAL = 2500;

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const standIn = await StandIn.start();
standIn.bucketLimit = 5;
standIn.bucketMs = 5000;
const core = new FakeCore();
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const adapter = createDiscordAdapter({ token: TOKEN, apiBase: standIn.apiBase, logger, editInterval: EDIT_INTERVAL });
await adapter.start(core);

const channels = Array.from({ length: 100 }, () => standIn.channel().id);
const sentAt = new Map<string, number>();
function send(k: number): void {
  const { token } = sendCommand(standIn, 'wuerst', { prompt: `fox ${k}` }, { channel: channels[k % 100] ?? '' });
  sentAt.set(token, performance.now());
}
function allAnswered(): boolean {
  return [...sentAt.keys()].every((token) => standIn.interactions.get(token)?.answeredAt != null);
}
function latencies(): number[] {
  return [...sentAt].map(([token, at]) => (standIn.interactions.get(token)?.answeredAt ?? Number.NaN) - at);
}

for (let k = 0; k < WAITING + IN_FLIGHT; k++) {
  send(k);
  if (k % 20 === 19) await wait(40);
}
while (!allAnswered()) await wait(20);
const flood = latencies();
sentAt.clear();
// Until each message has shown its place in the queue once: that is the flood's own work.
while (![...standIn.messages.values()].every(({ edits }) => edits.length > 0)) await wait(20);

const running = [...core.jobsById.keys()].slice(0, IN_FLIGHT);
for (const id of running) core.started(id);
const end = performance.now() + SECONDS * 1000;
let sent = WAITING + IN_FLIGHT;
let delayed = 0;
for (let tick = 0; performance.now() < end; tick++) {
  for (const id of running) core.step(id, ((tick * 7) % 100) / 100, PIXEL);
  if (tick % 2 === 0) send(sent++);
  const before = performance.now();
  await wait(100);
  delayed = Math.max(delayed, performance.now() - before - 100);
}
while (!allAnswered()) await wait(20);
const busy = latencies();

const gaps: number[] = [];
let edits = 0;
for (const message of standIn.messages.values()) {
  edits += message.edits.length;
  for (const [k, at] of message.edits.entries()) if (k > 0) gaps.push(at - (message.edits[k - 1] ?? 0));
}
const report = {
  acknowledgedMs: {
    flood: { n: flood.length, p50: percentile(flood, 0.5), p99: percentile(flood, 0.99) },
    busy: { n: busy.length, p50: percentile(busy, 0.5), p99: percentile(busy, 0.99), most: Math.max(...busy) },
  },
  edits: {
    total: edits,
    shortestGapMs: Math.min(...gaps),
    allowedGapMs: EDIT_INTERVAL,
    answeredWith429: standIn.tooMany,
  },
  longestTimerDelayMs: delayed,
};
console.log(
  JSON.stringify(report, (_key, value) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value), 2),
);
await adapter.stop(1000);
await standIn.close();
process.exit(0);
