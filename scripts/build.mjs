/** Builds dist/: compiled modules with types, the files they read beside them, and the program in one bundle. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const root = dirname(import.meta.dirname);
const at = (...parts) => join(root, ...parts);
rmSync(at('dist'), { recursive: true, force: true });

const modules = readdirSync(at('src'), { recursive: true }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.d.ts'),
);
const ESM = { bundle: true, platform: 'node', target: 'node20', format: 'esm' };
await build({
  ...ESM,
  entryPoints: modules.map((file) => at('src', file)),
  outbase: at('src'),
  outdir: at('dist'),
  packages: 'external',
  plugins: [
    {
      name: 'separate modules',
      setup: ({ onResolve }) =>
        onResolve({ filter: /^\./ }, ({ path }) => ({ path: path.replace(/\.ts$/, '.js'), external: true })),
    },
  ],
});
declareTypes();

for (const file of readdirSync(at('src/texts')).filter((name) => /\.js(?:on)?$/.test(name))) {
  cpSync(at('src/texts', file), at('dist/texts', file));
}
for (const folder of ['bot/history/migrations', 'adapters/web/page']) {
  if (existsSync(at('src', folder))) cpSync(at('src', folder), at('dist', folder), { recursive: true });
}
/** Bundled into the program, because loading their many files would take longer than everything before the first step. */
const BUNDLED = ['commander', 'zod', '@huggingface/tokenizers', 'pure-rand'];
const { dependencies } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
/** What is imported when it is needed stays in its own files: the first step of a picture does not wait for it. */
const apart = {
  name: 'apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
      const file = relative(at('dist'), resolve(resolveDir, path));
      return kind === 'dynamic-import' && file !== 'cli/imagine.js' ? { path: `../${file}`, external: true } : null;
    }),
};
const { outputFiles } = await build({
  entryPoints: [at('dist/cli.js')],
  outdir: at('dist/chunks'),
  entryNames: 'program-[hash]',
  outExtension: { '.js': '.cjs' },
  ...ESM,
  format: 'cjs',
  write: false,
  minifyWhitespace: true,
  minifySyntax: true,
  external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
  define: { 'import.meta.url': 'MODULE_URL', 'import.meta.dirname': '__dirname' },
  banner: { js: 'const MODULE_URL=require("node:url").pathToFileURL(__filename).href;' },
  plugins: [apart],
});
// A folder below dist/, so that paths relative to a module of src/ hold in the bundle too.
mkdirSync(at('dist/chunks'));
for (const { path, text } of outputFiles) {
  writeFileSync(path, text.replaceAll(/\bimport\((?=")/g, 'importModule('));
}
await build({
  entryPoints: [at('dist/cli/compiled.js')],
  outfile: at('dist/cli.js'),
  allowOverwrite: true,
  ...ESM,
  define: { PROGRAM: JSON.stringify(basename(outputFiles[0].path)) },
});
rmSync(at('dist/cli/compiled.js'));
chmodSync(at('dist/cli.js'), 0o755);

/** For programs that use the library. TypeScript is not there in an installation without development tools. */
function declareTypes() {
  const { resolve: find } = createRequire(import.meta.url);
  let typescript;
  try {
    typescript = find('typescript/package.json');
  } catch {
    return;
  }
  const tsc = join(dirname(typescript), JSON.parse(readFileSync(typescript, 'utf8')).bin.tsc);
  execFileSync(process.execPath, [tsc, '-p', at('tsconfig.build.json')], { stdio: 'inherit' });
}
