import { batchTime, WORTH } from '../../pipeline/engine/batch-gain.ts';
import { type Provider, WuerstchenCombinedPipeline } from '../../pipeline/index.ts';
import { decimals } from '../../system/byte-size.ts';
import { printableJson } from '../../system/printable.ts';
import { t } from '../../texts/translate.ts';

/** Pictures at the same time; each as many again as the one before. */
const PICTURES = [1, 2, 4];
const STEPS = 4;
const GUIDANCE = 4;

interface BatchBenchOptions {
  /** Model folder. */
  readonly model: string;
  readonly provider: Provider;
  readonly device: number | undefined;
  readonly threads: number | undefined;
  readonly sizes: readonly (readonly [number, number])[];
  /** Of each denoising stage. @default 4 */
  readonly steps: number | null;
}

/** Times are in milliseconds, of all steps of a guided batch. */
interface BatchRow {
  readonly width: number;
  readonly height: number;
  readonly pictures: number;
  readonly ms: number;
  /** Against half as many pictures; `null` for the first. */
  readonly ratio: number | null;
}

/** What pictures gain that are painted at the same time. */
export async function benchBatch(
  { model, provider, device, threads, sizes, steps }: BatchBenchOptions,
  json: boolean,
): Promise<void> {
  const precision = 'auto';
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, { provider, device, threads, precision });
  const rows: BatchRow[] = [];
  if (!json) {
    const said = t(
      'computed by {provider}; {count} step of each stage | computed by {provider}; {count} steps of each stage',
      {
        ...{ provider: pipeline.computedBy, count: steps ?? STEPS },
      },
    );
    process.stdout.write(`${said}\n\n`);
  }
  for (const [width, height] of sizes) {
    let before: number | null = null;
    for (const pictures of PICTURES) {
      const ms = await batchTime(pipeline, pictures, { width, height, guidance: GUIDANCE }, steps ?? STEPS);
      const row: BatchRow = { width, height, pictures, ms, ratio: before === null ? null : ms / before };
      rows.push(row);
      if (!json) process.stdout.write(`${line(row)}\n`);
      before = ms;
    }
  }
  await pipeline.release();
  if (json) process.stdout.write(`${printableJson({ computedBy: pipeline.computedBy, worth: WORTH, rows }, 2)}\n`);
}

function line({ width, height, pictures, ms, ratio }: BatchRow): string {
  const values = {
    ...{ size: `${width}×${height}`, count: pictures },
    time: t('{seconds} s a picture', { seconds: decimals(ms / pictures / 1000, 3) }),
  };
  if (ratio === null) return t('{size}, {count} at the same time: {time}', values);
  const compared = { ...values, times: decimals(ratio, 2) };
  return ratio < WORTH
    ? t('{size}, {count} at the same time: {time}, {times} times as long as half as many: pays', compared)
    : t('{size}, {count} at the same time: {time}, {times} times as long as half as many: does not pay', compared);
}
