/**
 * The published model at its full size, with the random weights that scripts/make-full-size.ts writes: a step of Stages C
 * and B, a decode of Stage A and memory against another program, and the creation of sessions against a bare script.
 * Prints every ratio beside what it should be at most.
 *
 * usage: node --import tsx bench/full-size.ts --model DIR [--rounds 1] [--width 1024] [--height 1024] [--threads 2]
 *   -- python diffusers_picture.py DIR/wuerstchen-prior DIR/wuerstchen
 *
 * The peer is one for bench/versus.ts; it gets `--width --height --prior-steps --steps --threads --repeat` besides.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** In fp32 where nothing else is said; memory is that of `stage` against all networks at once. */
const AT_MOST: Readonly<Record<string, number>> = {
  'Stage C, a step': 0.85,
  'Stage B, a step': 0.75,
  'Stage A, a decode': 0.8,
  'Stage C, a step in int8': 0.4,
  'Stage B, a step in int8': 0.5,
  'memory, one stage at a time': 0.6,
  sessions: 1.1,
};

const { values, positionals } = parseArgs({
  options: {
    model: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    width: { type: 'string', default: '1024' },
    height: { type: 'string', default: '1024' },
    threads: { type: 'string', default: '2' },
  },
  allowPositionals: true,
});
const { model, rounds, width, height, threads } = values;
if (model === undefined || positionals.length === 0) throw new Error('usage: full-size.ts --model DIR -- PEER');

const run = (file: string, args: readonly string[]) =>
  JSON.parse(
    execFileSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, file), ...args], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .at(-1) ?? '{}',
  );
// Few steps: one is like the other. The first picture of each program warms up.
const picture = `--width ${width} --height ${height} --prior-steps 1 --steps 1 --threads ${threads} --repeat 1`;
const peer = [...positionals, ...picture.split(' ')];
const versus = (extra: string) =>
  run('versus.ts', ['--rounds', rounds, `--picture=--model ${model} ${picture} ${extra}`, '--', ...peer]);
const speed = versus('').median;
const int8 = versus('--precision int8').median;
const memory = versus('--residency stage').median;
const sessions: Record<string, { ratio: number }> = run('sessions.ts', ['--model', model, '--threads', threads]);

const ratios: Readonly<Record<string, number>> = {
  'Stage C, a step': speed.prior,
  'Stage B, a step': speed.decoder,
  'Stage A, a decode': speed.vqgan,
  'Stage C, a step in int8': int8.prior,
  'Stage B, a step in int8': int8.decoder,
  'Stage A, a decode in int8': int8.vqgan,
  'all of a short picture': speed.total,
  'memory, all networks at once': speed.memory,
  'memory, one stage at a time': memory.memory,
  ...Object.fromEntries(Object.entries(sessions).map(([stage, { ratio }]) => [`sessions of ${stage}`, ratio])),
};
for (const [name, ratio] of Object.entries(ratios)) {
  const most = AT_MOST[name] ?? (name.startsWith('sessions') ? AT_MOST.sessions : undefined);
  const verdict = most === undefined ? '' : `at most ${most}: ${ratio <= most ? 'yes' : 'no'}`;
  console.log(`${name.padEnd(32)} ${ratio.toFixed(3)}  ${verdict}`.trimEnd());
}
