import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { COCKTAIL, HALVES } from '../models/folders.ts';
import { scene } from '../models/scene.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { WUERST } from '../program.ts';

const BAD = 'x\u001b[2J\u009b31m\u202ey\u0007';

async function wuerst(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(process.execPath, [...WUERST, ...args], {
    env: { ...process.env, WUERST_PROVIDER: 'cpu', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  return said.join('');
}

function assertPrintable(said: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may reach a terminal
  assert.doesNotMatch(said, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
}

test("a model's name steers no terminal: not in the list, not in errors, not in doctor's answer", async (t) => {
  const models = join(await temporaryFolder(t), 'models');
  await mkdir(join(models, BAD), { recursive: true });
  for (const half of HALVES) await cp(join(COCKTAIL, half), join(models, BAD, half), { recursive: true });
  const env = { WUERST_MODELS: models };
  const list = await wuerst(['models', 'list'], env);
  assert.match(list, /^ {2}xy {2,}ready/m);
  const json = await wuerst(['models', 'list', '--json'], env);
  assert.ok(JSON.parse(json).some(({ name }: { name: string }) => name === BAD));
  const removed = await wuerst(['models', 'remove', BAD], env);
  assert.match(removed, /This would delete .*xy, .*MB\./);
  const doctor = await wuerst(['doctor'], env);
  assert.match(doctor, /yes {2}xy: styles/);
  for (const said of [list, json, removed, doctor]) assertPrintable(said);
});

test('what is typed steers no terminal when it is wrong: a name, an option, a file, a prompt', async () => {
  for (const args of [
    ['models', 'use', BAD],
    ['models', 'list', `--${BAD}`],
    [BAD],
    ['info', BAD],
    ['imagine', 'a panda', '--style', BAD],
    ['imagine', `a panda wdith:${BAD}`],
    ['imagine', 'a panda', '--model', BAD],
  ]) {
    const said = await wuerst(args);
    assert.match(said, /^wuerst: /m);
    assertPrintable(said);
  }
});

test("a server's words and a manifest's steer no terminal", async (t) => {
  const { hub, models, modelsDir } = await scene(t);
  await mkdir(modelsDir);
  const model = { name: 'mine', purpose: BAD, license: `MIT\n${BAD}`, nativeSizes: [], repositories: [] };
  await writeFile(join(modelsDir, 'manifest.json'), JSON.stringify({ models: [model] }));
  const { out } = await models('list');
  assertPrintable(out);
  assert.match(out, /MIT xy/);
  hub.fault = ({ path }) =>
    path.includes('/tree/') ? { body: JSON.stringify([{ type: 'file', path: `${BAD}.bin`, size: 1 }]) } : undefined;
  const { error = '' } = await models('pull');
  assert.match(error, /without a hash or a size/);
  const said = await wuerst(['models', 'pull'], { HF_ENDPOINT: hub.endpoint, WUERST_MODELS: modelsDir });
  assert.match(said, /it lists xy\.bin without/);
  assertPrintable(said);
});
