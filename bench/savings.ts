/**
 * What each exact saving buys: pictures of the embedded model without it against pictures with all of them, in turn and
 * in one run. Prints, for each saving, the medians over the rounds of the ratios with / without: of a whole picture, of
 * one step of Stage C and of Stage B, and of one decode of Stage A.
 *
 * usage: node --import tsx bench/savings.ts [--rounds 3] [--picture="--model DIR --width 512 --height 512 --repeat 1"]
 *
 * `--picture` holds options of bench/picture.ts.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ALL_FOLDS } from '../src/pipeline/graph/blocks.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, picture: { type: 'string', default: '' } },
});
const options = values.picture.split(/\s+/).filter(Boolean);

interface Picture {
  readonly totalMs: number;
  readonly stepMs: Readonly<Record<string, number>>;
}

function paint(plain: readonly string[]): Picture {
  const file = join(import.meta.dirname, 'picture.ts');
  const args = ['--import', 'tsx', file, ...(plain.length > 0 ? ['--plain', plain.join(',')] : []), ...options];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Picture;
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const FIGURES: Readonly<Record<string, (picture: Picture) => number>> = {
  picture: ({ totalMs }) => totalMs,
  prior: ({ stepMs }) => stepMs.prior ?? Number.NaN,
  decoder: ({ stepMs }) => stepMs.decoder ?? Number.NaN,
  vqgan: ({ stepMs }) => stepMs['vqgan-decode-pixels'] ?? Number.NaN,
};
const savings = Object.keys(ALL_FOLDS);
for (const plain of [...savings.map((name) => [name]), savings]) {
  const rounds = Array.from({ length: Number(values.rounds) }, () => ({ all: paint([]), without: paint(plain) }));
  const ratios = Object.entries(FIGURES).map(([name, of]) => {
    return [name, median(rounds.map(({ all, without }) => of(all) / of(without))).toFixed(3)];
  });
  console.log(JSON.stringify({ saving: plain.length > 1 ? 'all' : plain[0], ...Object.fromEntries(ratios) }));
}
