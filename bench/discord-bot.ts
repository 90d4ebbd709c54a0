/**
 * How quickly the whole bot acknowledges Discord commands while 1,000 jobs wait and its pipeline paints: `wuerst start`
 * as a process of its own with the real core, database, pipeline process and embedded model; Discord is the tests'
 * stand-in. The first commands come to an idle bot, for comparison.
 *
 *     node --import tsx bench/discord-bot.ts [measured commands]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sendCommand } from '../test/adapters/discord/payloads.ts';
import { StandIn, TOKEN } from '../test/adapters/discord/stand-in.ts';

const MEASURED = Number(process.argv[2] ?? 200);
const WAITING = 1000;
const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
}

const standIn = await StandIn.start();
const folder = mkdtempSync(join(tmpdir(), 'bench-discord-'));
const bot = spawn(process.execPath, ['--import', 'tsx', CLI, 'start', '--web', 'off', '--data', folder], {
  env: { ...process.env, DISCORD_TOKEN: TOKEN, DISCORD_API_BASE: standIn.apiBase },
  stdio: ['ignore', 'pipe', 'inherit'],
});
await new Promise<void>((resolve) => {
  createInterface(bot.stdout).on('line', (line) => line.includes('wuerst is ready') && resolve());
});

const channels = Array.from({ length: 100 }, () => standIn.channel().id);
let sent = 0;
/** Sends commands in bursts of `together`, and resolves with the milliseconds until each was answered. */
async function measure(count: number, together: number, pauseMs: number): Promise<number[]> {
  const sentAt = new Map<string, number>();
  for (let k = 0; k < count; k++, sent++) {
    const from = {
      channel: channels[sent % 100] ?? '',
      user: String(300000000000000100n + BigInt(sent)),
      guild: String(200000000000000100n + BigInt(sent % 100)),
    };
    const { token } = sendCommand(standIn, 'wuerst', { prompt: `fox number ${sent}` }, from);
    sentAt.set(token, performance.now());
    if (k % together === together - 1) await wait(pauseMs);
  }
  const answered = () => [...sentAt.keys()].every((token) => standIn.interactions.get(token)?.answeredAt != null);
  while (!answered()) await wait(20);
  return [...sentAt].map(([token, at]) => (standIn.interactions.get(token)?.answeredAt ?? Number.NaN) - at);
}

const idle = await measure(5, 1, 200);
const flood = await measure(WAITING, 10, 50);
// Until each of the thousand has shown its place in the queue once: that is the flood's own work.
while (![...standIn.messages.values()].every(({ edits }) => edits.length > 0)) await wait(50);
const busy = await measure(MEASURED, 1, 50);
const figures = (ms: readonly number[]) => ({
  n: ms.length,
  p50: percentile(ms, 0.5),
  p99: percentile(ms, 0.99),
  most: percentile(ms, 1),
});
const edits = [...standIn.messages.values()].flatMap(({ edits: times }) =>
  times.slice(1).map((at, k) => at - (times[k] ?? 0)),
);
console.log(
  JSON.stringify(
    {
      acknowledgedMs: { idle: figures(idle), flood: figures(flood), with1000Waiting: figures(busy) },
      shortestGapBetweenEditsMs: Math.min(...edits),
      painted: [...standIn.messages.values()].filter(({ uploads }) => uploads > 0).length,
      answeredWith429: standIn.tooMany,
      brokenRules: standIn.violations.length,
    },
    null,
    2,
  ),
);
bot.kill('SIGKILL');
await standIn.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
