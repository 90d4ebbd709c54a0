import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { AS_FIRST_PROCESS, childrenOf, firstProcess } from '../../test/first-process.ts';

/** What the steps of a Dockerfile have made, as they make it. */
export interface Image {
  readonly root: string;
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Numbers of user and group. */
  user: string;
  volumes: readonly string[];
  health: readonly string[];
  entrypoint: readonly string[];
  command: readonly string[];
}

const PORT = '3219';
const URL_OF_BOT = `http://127.0.0.1:${PORT}/`;
const PROMPT = 'a panda on a green background seed:2';
const LOOK_MS = 250;
const PATIENCE_MS = 180_000;

const asked = z.object({ job: z.object({ id: z.string() }) });
const shown = z.object({ state: z.string(), images: z.array(z.object({ url: z.string() })) });

/**
 * Runs the command of an image as process 1 and its user, without capabilities. It can write to the volumes and to /tmp, which is in
 * memory, and to nothing else.
 *
 * @throws Error with what does not work
 */
export async function tryImage(image: Image, folder: string): Promise<void> {
  const command = [...image.entrypoint, ...image.command];
  const env = { ...image.env, WUERST_WEB_PORT: PORT };
  const [unshare = '', ...namespaces] = [...AS_FIRST_PROCESS, '--mount'];
  const container = spawn(
    unshare,
    [...namespaces, 'sh', '-euc', prepare(image, folder), 'sh', image.root, image.cwd, ...command],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log = createWriteStream(join(folder, 'bot.log'));
  container.stdout.pipe(log);
  container.stderr.pipe(log);
  const ended = once(container, 'close');
  const isOver = () => container.exitCode !== null;
  try {
    await until('the bot is ready', isOver, () => answers('readyz'));
    const bot = firstProcess(container);
    say(`process 1 is ready: ${execFileSync('ps', ['-o', 'user=,args=', String(bot)], { encoding: 'utf8' }).trim()}`);
    inside(bot, image, env, image.health);
    say('the health check passes');
    mustFail(bot, image, env, 'touch /opt/wuerst/x');
    mustFail(bot, image, env, 'touch /etc/x');
    say('the root is read-only');

    const [pipeline] = childrenOf(bot);
    if (!pipeline) throw new Error('There is no pipeline process.');
    process.kill(pipeline.pid, 'SIGKILL');
    const replaced = async () => childrenOf(bot).some(({ pid }) => pid !== pipeline.pid) && (await answers('readyz'));
    await until('the pipeline process is replaced', isOver, replaced);
    const zombies = childrenOf(bot).filter(({ state }) => state === 'Z');
    if (zombies.length > 0) throw new Error(`There are ${zombies.length} zombies.`);
    say('a killed pipeline process was replaced, and left no zombie');

    writeFileSync(join(folder, 'picture.png'), await painted(isOver));
    say(`the picture is ${join(folder, 'picture.png')}`);
    process.kill(bot, 'SIGTERM');
    const [code] = await ended;
    if (code !== 0) throw new Error(`After SIGTERM the bot ended with ${code}.`);
    say('SIGTERM stopped it, with exit code 0');
  } finally {
    container.kill('SIGKILL');
  }
}

function prepare({ root, user, volumes }: Image, folder: string): string {
  const mounts = volumes.map((volume) => {
    const own = join(folder, 'volumes', volume);
    rmSync(own, { recursive: true, force: true });
    mkdirSync(dirname(own), { recursive: true });
    // A volume begins as what the image has there, with its owner.
    execFileSync('cp', ['--archive', '--no-target-directory', join(root, volume), own]);
    return `mount --bind '${own}' "$1${volume}"`;
  });
  return `
    mount --bind "$1" "$1"
    mount -o remount,bind,ro "$1"
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
    ${mounts.join('\n    ')}
    root=$1 cwd=$2
    shift 2
    exec chroot "$root" setpriv ${privileges(user)} /bin/sh -c 'cd "$0" && exec "$@"' "$cwd" "$@"`;
}

function privileges(user: string): string {
  const [uid, gid] = user.split(':');
  return `--reuid=${uid} --regid=${gid} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs`;
}

/** Runs a command beside process 1, as its user. */
function inside(bot: number, { user }: Image, env: NodeJS.ProcessEnv, command: readonly string[]): void {
  const namespaces = ['--target', String(bot), '--mount', '--pid', '--root', '--wd'];
  const args = [...namespaces, 'setpriv', ...privileges(user).split(' '), ...command];
  execFileSync('nsenter', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

function mustFail(bot: number, image: Image, env: NodeJS.ProcessEnv, command: string): void {
  try {
    inside(bot, image, env, command.split(' '));
  } catch {
    return;
  }
  throw new Error(`Expected "${command}" to fail.`);
}

async function painted(isOver: () => boolean): Promise<Uint8Array> {
  const { job } = asked.parse(
    await json('api/rooms/lobby/commands', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: PROMPT, user: 'ann' }),
    }),
  );
  const state = async () => shown.parse(await json(`api/jobs/${job.id}`));
  await until('the picture is there', isOver, async () => (await state()).state === 'done');
  const [image] = (await state()).images;
  return new Uint8Array(await (await fetch(new URL(image?.url ?? '', URL_OF_BOT))).arrayBuffer());
}

async function json(path: string, init: RequestInit = {}): Promise<unknown> {
  return (await fetch(new URL(path, URL_OF_BOT), init)).json();
}

async function answers(path: string): Promise<boolean> {
  return fetch(new URL(path, URL_OF_BOT)).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function until(what: string, isOver: () => boolean, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (isOver()) throw new Error(`The bot ended before ${what}: see bot.log.`);
    if (performance.now() > end) throw new Error(`Not within ${PATIENCE_MS / 1000} s: ${what}.`);
    await pause(LOOK_MS);
  }
}

function say(text: string): void {
  console.log(`✔ ${text}`);
}
