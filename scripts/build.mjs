/** Builds dist/: compiled modules with types, the files they read beside them, and one bundle of the ONNX messages. */
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
buildSync({
  entryPoints: [at('src/pipeline/graph/onnx.ts')],
  outfile: at('dist/pipeline/graph/onnx.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  minify: true,
});
chmodSync(at('dist/cli.js'), 0o755);
