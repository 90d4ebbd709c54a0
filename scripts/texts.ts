/**
 * Brings the catalogue up to date with the texts in the code: prints what is missing in each language, takes away what no
 * longer occurs, and sorts.
 *
 * usage: node --import tsx scripts/texts.ts [--missing <language>]
 *
 * --missing writes the sources without a translation as JSON to the standard output, for a translator.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LANGUAGES } from '../src/texts/language.ts';
import { sourcesIn } from './texts/sources.ts';

const src = join(import.meta.dirname, '../src');
const { sources, problems } = sourcesIn(src);
for (const problem of problems) console.error(problem);
const wanted = process.argv[2] === '--missing' ? process.argv[3] : undefined;
for (const language of LANGUAGES.filter((one) => one !== 'en')) {
  const file = join(src, `texts/${language}.json`);
  const known: Record<string, unknown> = JSON.parse(readFileSync(file, 'utf8'));
  const missing = sources.filter((source) => !(source in known));
  if (wanted !== undefined) {
    if (wanted === language) console.log(JSON.stringify(missing, null, 2));
    continue;
  }
  const kept = Object.fromEntries(sources.filter((source) => source in known).map((source) => [source, known[source]]));
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
  console.log(`${language}: ${Object.keys(kept).length} of ${sources.length} texts`);
}
process.exitCode = problems.length > 0 ? 1 : 0;
