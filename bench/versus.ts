/**
 * Pictures of this program against those of another, in turn and in one run: ratios hold although the machine drifts.
 * The peer is a command that prints one JSON line with `total_s` and `median_s` ({ prior_step, decoder_step,
 * vqgan_decode, … }, seconds) for the same checkpoint folder, size, threads and steps.
 *
 * usage: node --import tsx bench/versus.ts --rounds 3 -- python diffusers_picture.py DIR/wuerstchen-prior DIR/wuerstchen
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, model: { type: 'string', default: 'data/models/cocktail' } },
  allowPositionals: true,
});
const [program = '', ...args] = positionals;
const PRIOR_STEPS = 29;
const DECODER_STEPS = 12;

const lastLine = (text: string) => JSON.parse(text.trim().split('\n').at(-1) ?? '{}');
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const ratios: Record<string, number[]> = { total: [], prior: [], decoder: [], vqgan: [] };
for (let round = 0; round < Number(values.rounds); round += 1) {
  const ours = lastLine(
    execFileSync(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'picture.ts'), '--model', values.model],
      { encoding: 'utf8' },
    ),
  );
  const peer = lastLine(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const { prior_step, decoder_step, vqgan_decode } = peer.median_s;
  ratios.total?.push(ours.totalMs / (peer.total_s * 1000));
  ratios.prior?.push(ours.priorMs / (prior_step * PRIOR_STEPS * 1000));
  ratios.decoder?.push(ours.decoderMs / (decoder_step * DECODER_STEPS * 1000));
  ratios.vqgan?.push(ours.vqganMs / (vqgan_decode * 1000));
  console.log(JSON.stringify({ round, ours, peer: { totalMs: peer.total_s * 1000, ...peer.median_s } }));
}
console.log(
  JSON.stringify(
    Object.fromEntries(Object.entries(ratios).map(([name, list]) => [name, Number(median(list).toFixed(3))])),
  ),
);
