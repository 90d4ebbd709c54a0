/** Writes what comes in the package about other people's work: a bill of materials (CycloneDX), and the licences. Run by `npm pack`. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const RULE = `${'='.repeat(100)}\n`;
const LICENCE_FILE = /^(licen[cs]e|copying|notice|third[-_ ]?party)/i;
/** Every package that is installed with this one, on one system or another. */
const installed = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages)
  .filter(([path, { dev }]) => path !== '' && !dev)
  .map(([path, { version, license }]) => ({ path, name: path.split('node_modules/').at(-1), version, license }));

writeFileSync(join(root, 'sbom.cdx.json'), `${JSON.stringify(billOfMaterials())}\n`);
writeFileSync(join(root, 'THIRD-PARTY-LICENSES.txt'), licences());

/**
 * Without the time and the number of this run: the same lock file gives the same bill. npm lists everything, since with
 * `--omit dev` it leaves out what development tools need, too.
 */
function billOfMaterials() {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  // What npm was started with, such as --dry-run, is not meant for this one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_config_/i.test(name)));
  const text = execFileSync('npm', args, { cwd: root, encoding: 'utf8', env, shell: process.platform === 'win32' });
  const { serialNumber: _, metadata, components, dependencies, ...bill } = JSON.parse(text);
  const { timestamp: __, ...rest } = metadata;
  const wanted = new Set(installed.map(({ name, version }) => `${name} ${version}`));
  const kept = components.filter(({ group, name, version }) =>
    wanted.has(`${group ? `${group}/` : ''}${name} ${version}`),
  );
  // npm calls it by the folder that it is built in.
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const component = { ...rest.component, name, type: 'application' };
  const refs = new Set([component['bom-ref'], ...kept.map((component) => component['bom-ref'])]);
  return {
    ...bill,
    ...{ metadata: { ...rest, component }, components: kept },
    dependencies: dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
  };
}

/** Each text once, after the packages that have it. */
function licences() {
  const named = new Map();
  for (const { path, name, version, license } of installed) {
    for (const text of textsIn(join(root, path))) {
      named.set(text, [...(named.get(text) ?? []), `${name} ${version} (${license})`]);
    }
  }
  const all = installed.map(({ name, version, license }) => `${name} ${version} (${license})`);
  const head = [
    'wuerst is installed with these packages, and parts of some are in its own files. Those for other systems than yours are not installed;',
    'their licences are those of the packages that they belong to. The texts follow.',
  ];
  const parts = [...named].map(([text, lines]) => `${[...new Set(lines)].join('\n')}\n\n${text}`);
  return `${[...head, '', ...new Set(all.toSorted())].join('\n')}\n\n${RULE}${parts.join(`\n\n${RULE}`)}\n`;
}

function textsIn(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && LICENCE_FILE.test(entry.name),
  );
  return names.map(({ name }) => readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim());
}
