/**
 * Resident memory of a process that has loaded every network and done nothing else, against what the weights need.
 * Measured in a process of the built library, without tsx; needs `npm run build`.
 *
 * usage: node --import tsx bench/memory.ts [--model DIR] [--provider cpu]
 */
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(root, 'data/models/cocktail') },
    provider: { type: 'string', default: 'cpu' },
  },
});

/** Share of the weights, and bytes beside them, that a loaded process may take. */
const ALLOWED = { share: 1.3, beside: 150e6 };
const BYTES_PER_WEIGHT = 4;

const program = `
import { WuerstchenCombinedPipeline } from ${JSON.stringify(pathToFileURL(join(root, 'dist/pipeline/index.js')).href)};
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(${JSON.stringify(resolve(values.model))}, { provider: ${JSON.stringify(values.provider)} });
await pipeline.preload();
const { prior, decoder } = pipeline;
const networks = [prior.prior, prior.text.model, decoder.text.model, decoder.decoder, decoder.vqgan];
const parameters = networks.reduce((sum, { component }) => sum + component.parameters, 0);
console.log(JSON.stringify({ rss: process.memoryUsage.rss(), parameters }));
`;
const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
const { rss, parameters } = JSON.parse(printed) as { rss: number; parameters: number };
const weights = parameters * BYTES_PER_WEIGHT;
const megabytes = (bytes: number) => Math.round(bytes / 1e6);
console.log(
  JSON.stringify({
    weightsMb: megabytes(weights),
    residentMb: megabytes(rss),
    allowedMb: megabytes(weights * ALLOWED.share + ALLOWED.beside),
  }),
);
