import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { readMetadata } from '../pipeline/images/image-file.ts';
import { UserError } from '../system/errors.ts';

export function infoCommand(): Command {
  return new Command('info')
    .description('print the parameters that a picture was made with')
    .argument('<file>', 'a PNG, WebP or JPEG file')
    .option('--json', 'print the JSON object with every number')
    .action(async (path: string, { json }: { json?: boolean }) => {
      const file = await readFile(path).catch((cause: Error) => {
        throw new UserError('file_unreadable', `Cannot read ${path}: ${cause.message}.`, { cause });
      });
      const { parameters, wuerst, ...others } = await readMetadata(file);
      const text = json ? wuerst : (parameters ?? Object.values(others)[0]);
      if (!text)
        throw new UserError('no_parameters', `${path} has no parameters in it.`, {
          hint: 'Chat apps remove them from pictures that they recompress.',
        });
      process.stdout.write(`${text}\n`);
    });
}
