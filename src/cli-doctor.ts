import { availableParallelism, freemem, totalmem } from 'node:os';
import { Command } from 'commander';
import { byteSize } from './files/byte-size.ts';
import { listModels, modelsFolder } from './models/store.ts';
import { Component } from './pipeline/checkpoint.ts';
import { availableStyles, styleFolder } from './pipeline/combined-pipeline.ts';
import { PROVIDERS, probe } from './pipeline/runtime.ts';
import { VERSION } from './pipeline/version.ts';

const BYTES_PER_WEIGHT = 4;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say which providers work here and why the others do not, which models are present and what they need')
    .option('--json', 'print it for programs')
    .action(async ({ json }: { json?: boolean }) => {
      const providers = [];
      for (const provider of PROVIDERS) providers.push(await probe(provider));
      const models = [];
      for (const model of await listModels(modelsFolder(process.env)))
        models.push({ ...model, memory: await memoryOf(model.folder, model.state) });
      const machine = {
        version: VERSION,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        cores: availableParallelism(),
        memory: totalmem(),
        free: freemem(),
      };
      if (json) {
        process.stdout.write(`${JSON.stringify({ machine, providers, models }, null, 2)}\n`);
        return;
      }
      const lines = [
        `wuerst ${VERSION}, Node ${machine.node}, ${machine.platform}, ${machine.cores} cores, ${byteSize(machine.free)} of ${byteSize(machine.memory)} memory free`,
        '',
        'Providers',
        ...providers.map(
          ({ provider, works, reason }) => `  ${works ? 'yes' : 'no '}  ${provider}${works ? '' : `: ${reason}`}`,
        ),
        '',
        'Models',
        ...models.map(({ name, state, inUse, styles, memory }) =>
          memory === null
            ? `  no   ${name}: ${state}`
            : `  yes  ${name}${inUse ? ' (in use)' : ''}: styles ${styles.join(', ')}; ${byteSize(memory.resident)} resident, ${byteSize(memory.stage)} one stage at a time`,
        ),
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

/** Bytes of the weights in fp32: all of one style, and of the largest network alone. */
async function memoryOf(folder: string, state: string): Promise<{ resident: number; stage: number } | null> {
  if (state !== 'ready') return null;
  const [style] = availableStyles(folder);
  if (!style) return null;
  const dirs = [
    `${folder}/wuerstchen-prior/text_encoder`,
    styleFolder(folder, style),
    ...['text_encoder', 'decoder', 'vqgan'].map((name) => `${folder}/wuerstchen/${name}`),
  ];
  const sizes = [];
  for (const dir of dirs) sizes.push((await Component.open(dir)).parameters * BYTES_PER_WEIGHT);
  return { resident: sizes.reduce((sum, size) => sum + size, 0), stage: Math.max(...sizes) };
}
