/**
 * The most memory that painting one picture takes, as the system counts it: anonymous memory is what weights, activations and
 * the program take; the rest of the resident memory is mapped files, which the system can drop. Linux; needs `npm run build`.
 *
 * usage: node --import tsx bench/peak-memory.ts [--model DIR] [--residency sequential] [--precision fp32] [--width 1024]
 *   [--height 1024] [--prior-steps 2] [--steps 2] [--threads 2] [--provider cpu]
 *
 * Prints one JSON line. `pixels` is a hash of the picture: the same for every residency. `seconds` are those of loading (`create`)
 * and running each graph.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const EVERY_MS = 10;
const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(root, 'data/models/cocktail') },
    residency: { type: 'string', default: 'sequential' },
    precision: { type: 'string', default: 'fp32' },
    provider: { type: 'string', default: 'cpu' },
    width: { type: 'string', default: '1024' },
    height: { type: 'string', default: '1024' },
    'prior-steps': { type: 'string', default: '2' },
    steps: { type: 'string', default: '2' },
    threads: { type: 'string', default: '2' },
  },
});
const { residency, precision, provider } = values;
const opened = { residency, precision, provider, threads: Number(values.threads) };
const asked = {
  prompt: 'a panda on a green background',
  width: Number(values.width),
  height: Number(values.height),
  priorNumInferenceSteps: Number(values['prior-steps']),
  numInferenceSteps: Number(values.steps),
};
const program = `
import { createHash } from 'node:crypto';
import { TorchGenerator, WuerstchenCombinedPipeline } from ${JSON.stringify(pathToFileURL(join(root, 'dist/pipeline/index.js')).href)};
const seconds = {};
const onReturned = ({ kind, graph }, ms) => {
  const key = graph + ' ' + kind;
  seconds[key] = Math.round(1000 * ((seconds[key] ?? 0) + ms / 1000)) / 1000;
};
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(${JSON.stringify(resolve(values.model))}, { ...${JSON.stringify(opened)}, onReturned });
const { images, timings } = await pipeline.generate({ ...${JSON.stringify(asked)}, generator: new TorchGenerator(7) });
const { onnxMs, againMs, residency } = pipeline.runtime;
const slowdown = onnxMs / (onnxMs - againMs);
const pixels = createHash('sha256').update(images[0].data).digest('hex').slice(0, 16);
console.log(JSON.stringify({ residency, slowdown, pixels, timings, seconds }));
`;
// As the pipeline process is started.
const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' };
const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
});
let printed = '';
child.stdout.on('data', (text) => {
  printed += text;
});
const ended = new Promise<void>((done) => {
  child.once('close', () => done());
});
const peak = { anonymous: 0, resident: 0 };
while (child.exitCode === null && child.signalCode === null) {
  const status = statusOf(child.pid ?? 0);
  peak.anonymous = Math.max(peak.anonymous, bytesOf(status, 'RssAnon'));
  peak.resident = Math.max(peak.resident, bytesOf(status, 'VmRSS'));
  await wait(EVERY_MS);
}
await ended;
const megabytes = (bytes: number) => Math.round(bytes / 1e6);
console.log(
  JSON.stringify({
    anonymousMb: megabytes(peak.anonymous),
    residentMb: megabytes(peak.resident),
    precision,
    size: `${asked.width}x${asked.height}`,
    ...(JSON.parse(printed) as object),
  }),
);

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

function bytesOf(status: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
