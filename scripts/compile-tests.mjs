/**
 * Compiles everything that the tests run into .compiled/, a copy of the repository, so that hundreds of processes start
 * without a compiler: files of TypeScript stand there as they are and as JavaScript, all others as links.
 */
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const root = dirname(import.meta.dirname);
const out = join(root, '.compiled');
const COMPILED = ['src', 'test', 'bench', 'scripts'];
const APART = ['.compiled', '.git', 'node_modules'];

rmSync(out, { recursive: true, force: true });
mkdirSync(out);
for (const name of readdirSync(root)) {
  if (!COMPILED.includes(name) && !APART.includes(name)) symlinkSync(join(root, name), join(out, name));
}
const files = COMPILED.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1)),
);
for (const file of files) {
  mkdirSync(join(out, dirname(file)), { recursive: true });
  symlinkSync(join(root, file), join(out, file));
}
await build({
  entryPoints: files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')).map((file) => join(root, file)),
  outbase: root,
  outdir: out,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  plugins: [
    {
      name: 'compiled neighbours',
      setup: ({ onLoad }) =>
        onLoad({ filter: /\.ts$/ }, async ({ path }) => {
          const text = await readFile(path, 'utf8');
          // Modules that are imported, and those that are started as processes and threads of their own.
          const contents = text.replaceAll(/((?:from|import\(|new URL\()\s*'\.[^']*)\.ts'/g, "$1.js'");
          return { contents, loader: 'ts' };
        }),
    },
  ],
});
