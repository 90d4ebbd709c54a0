/**
 * Fits the preview maps of a model folder on pictures that it paints, and writes them to its `preview.json`. Run with
 * `node --import tsx scripts/fit-preview.ts [model folder] [pictures]`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newPreviewMaps } from '../src/pipeline/engine/previewer.ts';
import { availableStyles, DEFAULT_STAGE_C_TIMESTEPS, TorchGenerator } from '../src/pipeline/index.ts';
import { WuerstchenCombinedPipeline } from '../src/pipeline/pipelines/combined-pipeline.ts';

const THINGS =
  'red fox,cat,rocket,cake,tree,blue elephant,sun,penguin,pizza,robot,castle,sailboat,rose,panda,owl,car,apple,house,' +
  'ghost,dragon,whale,mushroom,star,planet,banana,unicorn,butterfly,frog,coffee,balloon,crown,heart';
const PLACES =
  'in the snow,on a pink background,in space,on grass,at sunset,on a yellow background,underwater,in the forest,' +
  'on a black background,in the desert,on a white background,at night,on a teal background,on the beach,' +
  'on a purple background,in the city,on a red background';

const [model = join(import.meta.dirname, '../data/models/cocktail'), pictures = '96'] = process.argv.slice(2);
const [things, places] = [THINGS.split(','), PLACES.split(',')];
const { styles } = availableStyles(model);
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, { style: styles[0] ?? 'interpolated' });
const maps = newPreviewMaps(pipeline);
for (let i = 0; i < Number(pictures); i++) {
  const stream = pipeline.stream({
    prompt: `a ${things[i % things.length]} ${places[i % places.length]}`,
    ...(i % 4 === 3 ? { width: 1024, height: 1536 } : { width: 1024, height: 1024 }),
    style: styles[i % styles.length],
    generator: new TorchGenerator(i),
    priorTimesteps: DEFAULT_STAGE_C_TIMESTEPS,
  });
  for (let prior = null; ; ) {
    const { done, value } = await stream.next();
    if (!done) {
      if (value.stage === 'prior') prior = { data: value.latents.data.slice(), dims: value.latents.dims };
      continue;
    }
    const [picture] = value.images;
    if (!picture || !prior) throw new Error('expected a picture');
    maps.prior.fit([{ latents: prior, picture }]);
    maps.decoder.fit([{ latents: value.latents, picture }]);
    break;
  }
}
const file = join(model, 'preview.json');
const json = {
  checkpoint: await pipeline.fingerprint(styles[0]),
  prior: maps.prior.toJson(),
  decoder: maps.decoder.toJson(),
};
await writeFile(file, `${JSON.stringify(json)}\n`);
console.log(`${file}: fitted on ${pictures} pictures`);
await pipeline.release();
