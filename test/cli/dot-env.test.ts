import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../bot-process.ts';
import { WUERST } from '../program.ts';

test('every command reads the settings of .env in its folder; what is set in the environment comes first', (t) => {
  const folder = temporaryFolder(t);
  for (const data of ['kept', 'set']) {
    mkdirSync(join(folder, data, 'presets'), { recursive: true });
    writeFileSync(
      join(folder, data, 'presets/styles.csv'),
      `name,prompt,negative_prompt\n${data},"{prompt}, dark",sun\n`,
    );
  }
  writeFileSync(join(folder, '.env'), 'WUERST_DATA=kept\nWUERST_PROVIDER=abacus\n');
  const wuerst = (env: Record<string, string>, ...args: string[]) => {
    const { PATH, HOME } = process.env;
    const run = spawnSync(process.execPath, [...WUERST, ...args], {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH, HOME, ...env },
    });
    return `${run.stdout}${run.stderr}`;
  };
  assert.equal(wuerst({}, 'presets', 'list'), 'kept  {prompt}, dark\n');
  assert.equal(wuerst({ WUERST_DATA: 'set' }, 'presets', 'list'), 'set  {prompt}, dark\n');
  assert.match(wuerst({}, 'imagine', 'a fox'), /WUERST_PROVIDER .*"abacus"/);
});
