/**
 * Takes the steps of the Dockerfile one by one where no container engine is at hand, and tries what comes out: the bot as process 1, as
 * the user of the image, without capabilities, over a root that is read-only. It is killed in part, paints a picture, passes the health
 * check and is stopped.
 *
 *   sudo node --import tsx scripts/try-dockerfile.ts [folder]
 *
 * Needs debootstrap, and the mirrors that apt and npm use here. The picture and the bot's output stay in the folder, and what is built, so
 * that the next time the base is there.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type Image, tryImage } from './dockerfile/contained.ts';
import {
  type Instruction,
  isInContext,
  lineOf,
  readCopy,
  readDockerfile,
  readVariables,
} from './dockerfile/dockerfile.ts';

const CONTEXT = join(import.meta.dirname, '..');
/** What a chroot needs of this machine to reach its mirrors; a container has its own. */
const BORROWED = ['/etc/resolv.conf', '/etc/ssl/certs', '/root/.npmrc'].filter((path) => existsSync(path));
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const folder = process.argv[2] ? resolve(process.argv[2]) : mkdtempSync(join(tmpdir(), 'wuerst-image-'));
const stages = readDockerfile(readFileSync(join(CONTEXT, 'Dockerfile'), 'utf8'));
const ignored = readFileSync(join(CONTEXT, '.dockerignore'), 'utf8');
const built = new Map<string, Image>();

mkdirSync(folder, { recursive: true });
await tryImage(build('cpu'), folder);

/** Builds a stage, and before it those that it copies from. */
function build(target: string): Image {
  const known = built.get(target);
  if (known) return known;
  const line = lineOf(stages, target);
  const root = join(folder, target);
  baseImage(line[0]?.base ?? '', root);
  const image: Image = {
    ...{ root, env: { PATH }, cwd: '/', user: '0:0' },
    ...{ volumes: [], health: [], entrypoint: [], command: [] },
  };
  for (const instruction of line.flatMap(({ instructions }) => instructions)) {
    console.log(`${target}: ${instruction.keyword} ${instruction.rest.slice(0, 100)}`);
    step(image, instruction);
  }
  built.set(target, image);
  return image;
}

/** What `node:<version>-<release>-slim` is: the release of Debian, and Node from its package. */
function baseImage(name: string, root: string): void {
  const [, version = '', release = ''] = /^node:([\d.]+)-(\w+)-slim$/.exec(name) ?? [];
  if (version === '') throw new RangeError(`Expected an image of Node over Debian, got ${name}.`);
  const base = join(folder, 'base');
  if (!existsSync(join(base, 'bin'))) {
    execFileSync('debootstrap', ['--variant=minbase', release, base], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  if (!existsSync(join(base, 'usr/local/bin/node'))) {
    unpack(`node-linux-${process.arch}@${version}`, join(base, 'usr/local'));
    unpack('npm@11', join(base, 'usr/local/lib/node_modules/npm'));
    execFileSync('ln', ['-sf', '../lib/node_modules/npm/bin/npm-cli.js', join(base, 'usr/local/bin/npm')]);
  }
  rmSync(root, { recursive: true, force: true });
  execFileSync('cp', ['--archive', '--reflink=auto', base, root]);
}

/** Unpacks what is in a package of npm. */
function unpack(name: string, into: string): void {
  const archive = execFileSync('npm', ['pack', name, '--silent'], { cwd: folder, encoding: 'utf8' }).trim();
  mkdirSync(into, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, archive), '--strip-components=1', '--no-same-owner', '-C', into]);
}

function step(image: Image, { keyword, rest }: Instruction): void {
  const list = (): string[] => JSON.parse(rest.slice(rest.indexOf('[')));
  if (keyword === 'RUN') run(image, rest);
  else if (keyword === 'COPY') copy(image, rest);
  else if (keyword === 'ENV') image.env = { ...image.env, ...readVariables(rest) };
  else if (keyword === 'WORKDIR') {
    image.cwd = rest;
    mkdirSync(join(image.root, rest), { recursive: true });
  } else if (keyword === 'USER') image.user = rest;
  else if (keyword === 'VOLUME') image.volumes = list();
  else if (keyword === 'HEALTHCHECK') image.health = list();
  else if (keyword === 'ENTRYPOINT') image.entrypoint = list();
  else if (keyword === 'CMD') image.command = list();
  else if (!['ARG', 'LABEL', 'EXPOSE'].includes(keyword))
    throw new RangeError(`Nothing here takes the step ${keyword}.`);
}

/** As root, as a build does it. */
function run({ root, env, cwd }: Image, command: string): void {
  const prepare = `
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    for path in ${BORROWED.join(' ')}; do
      if [ -d "$path" ]; then mkdir -p "$1$path"; else touch "$1$path"; fi
      mount --bind "$path" "$1$path"
    done
    exec chroot "$1" /bin/sh -c 'cd "$0" && exec /bin/sh -c "$1"' "$2" "$3"`;
  const args = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', prepare, 'sh', root, cwd, command];
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  execFileSync('unshare', args, {
    env: { ...env, ...(authorities && { NODE_EXTRA_CA_CERTS: authorities }) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function copy({ root, cwd }: Image, rest: string): void {
  const { from, sources, target } = readCopy(rest);
  const into = join(root, resolve(cwd, target));
  const isFolder = target.endsWith('/');
  mkdirSync(isFolder ? into : dirname(into), { recursive: true });
  for (const source of sources) {
    const origin = join(from === undefined ? CONTEXT : build(from).root, source);
    const filter = (path: string) => from !== undefined || isSeen(relative(CONTEXT, path));
    const goal = isFolder && !statSync(origin).isDirectory() ? join(into, basename(source)) : into;
    cpSync(origin, goal, { recursive: true, verbatimSymlinks: true, filter });
  }
}

/** A folder may be left out with a part of it back in. */
function isSeen(path: string): boolean {
  return statSync(join(CONTEXT, path)).isDirectory() || isInContext(path, ignored);
}
