/**
 * Pictures of this program against those of another, in turn and in one run: ratios hold although the machine drifts.
 * Printed are the median of the rounds' ratios, and the ratio of both programs' fastest rounds: what else runs on the
 * machine makes rounds slower, never faster.
 * The peer is a command that prints one JSON line with `total_s`, `peak_rss_mb` and `median_s` ({ prior_step,
 * decoder_step, vqgan_decode, … }, seconds) for the same checkpoint folder, size, threads and steps. Of Stages C and B
 * one step is compared, of Stage A one decode, all of them of one picture or, with `--batch`, of a picture of one.
 *
 * usage: node --import tsx bench/versus.ts [--rounds 3] [--picture="--model DIR --width 512 --height 512 --repeat 1"] --
 *   python diffusers_picture.py DIR/wuerstchen-prior DIR/wuerstchen --width 512 --height 512 --repeat 1
 *
 * `--picture` holds options of bench/picture.ts. diffusers need not be installed: with PYTHONPATH=diffusers/src a checkout of
 * https://github.com/huggingface/diffusers does, for a Python that has torch, transformers, accelerate, pillow, httpx and
 * importlib_metadata. Its Würstchen lies under pipelines/deprecated/wuerstchen.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, picture: { type: 'string', default: '' } },
  allowPositionals: true,
});
const [program = '', ...args] = positionals;

const lastLine = (text: string) => JSON.parse(text.trim().split('\n').at(-1) ?? '{}');
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const FIGURES = ['total', 'prior', 'decoder', 'vqgan', 'memory'] as const;
type Figures = Record<(typeof FIGURES)[number], number>;
const rounds: { ours: Figures; peer: Figures }[] = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  const ours = lastLine(
    execFileSync(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'picture.ts'), ...values.picture.split(/\s+/).filter(Boolean)],
      { encoding: 'utf8' },
    ),
  );
  const peer = lastLine(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const { prior_step, decoder_step, vqgan_decode } = peer.median_s;
  rounds.push({
    ours: {
      total: ours.totalMs,
      prior: ours.stepMs.prior,
      decoder: ours.stepMs.decoder,
      vqgan: ours.vqganMs,
      memory: ours.peakRssMb,
    },
    peer: {
      total: peer.total_s * 1000,
      prior: prior_step * 1000,
      decoder: decoder_step * 1000,
      vqgan: vqgan_decode * 1000,
      memory: peer.peak_rss_mb,
    },
  });
  console.log(JSON.stringify({ round, ...rounds.at(-1), outsideOnnxShare: ours.outsideOnnxShare }));
}
const ratios = (of: (stage: (typeof FIGURES)[number]) => number) =>
  Object.fromEntries(FIGURES.map((stage) => [stage, Number(of(stage).toFixed(3))]));
const fastest = (side: 'ours' | 'peer', stage: (typeof FIGURES)[number]) =>
  Math.min(...rounds.map((round) => round[side][stage]));
console.log(
  JSON.stringify({
    median: ratios((stage) => median(rounds.map(({ ours, peer }) => ours[stage] / peer[stage]))),
    fastest: ratios((stage) => fastest('ours', stage) / fastest('peer', stage)),
  }),
);
