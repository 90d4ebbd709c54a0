/** Builds dist/: compiled modules with types, the files they read beside them, and the program in one bundle. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';

const root = dirname(import.meta.dirname);
const at = (...parts) => join(root, ...parts);
rmSync(at('dist'), { recursive: true, force: true });

const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
const tsc = join(dirname(typescript), JSON.parse(readFileSync(typescript, 'utf8')).bin.tsc);
execFileSync(process.execPath, [tsc, '-p', at('tsconfig.build.json')], { stdio: 'inherit' });

for (const folder of ['bot/migrations', 'adapters/web/page']) {
  if (existsSync(at('src', folder))) cpSync(at('src', folder), at('dist', folder), { recursive: true });
}
/** Bundled into the program, because loading their many files would take longer than everything before the first step. */
const BUNDLED = ['commander', 'zod', '@huggingface/tokenizers', 'pure-rand'];
const { dependencies } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
// Chunks lie in a folder below dist/, so that paths relative to a module of src/ hold in them too.
buildSync({
  entryPoints: [at('dist/cli.js')],
  outdir: at('dist'),
  chunkNames: 'chunks/[name]-[hash]',
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: [
    './cli-start.js',
    './cli-platforms.js',
    './cli-models.js',
    ...Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
  ],
  banner: {
    js: "import { createRequire as createRequireOfChunk } from 'node:module'; const require = createRequireOfChunk(import.meta.url);",
  },
});
chmodSync(at('dist/cli.js'), 0o755);
