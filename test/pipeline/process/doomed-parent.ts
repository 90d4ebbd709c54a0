/** A bot that dies: starts a pipeline process on `lockPath`, asks it for something that blocks, and says so. */
import { PipelineClient } from '../../../src/pipeline/process/client.ts';
import { request } from '../requests.ts';

const [lockPath = ''] = process.argv.slice(2);
const client = new PipelineClient({
  engine: new URL('./fake-engine.ts', import.meta.url).href,
  load: { model: 'cocktail' },
  lockPath,
  onStatus: ({ call, pid }) => {
    if (call?.name === 'decoder.run') process.send?.({ blocking: pid });
  },
});
await client.start();
for await (const _ of client.generate(request('block 1000')));
