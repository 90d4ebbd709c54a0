import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { acquireLock } from '../../src/system/file-lock.ts';
import { ManualClock } from '../manual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'wuerst-lock-'));
after(() => rmSync(folder, { recursive: true }));

describe('acquireLock', () => {
  test('has one holder at a time and makes the folder it needs', async () => {
    const path = join(folder, 'new', 'folder', 'bot.lock');
    const lock = await acquireLock(path);
    await assert.rejects(acquireLock(path, { inUse: () => 'The folder is in use.', waitMs: 1 }), {
      name: 'OperatorError',
      code: 'lock_held',
      hint: /On a network share it may run on another machine/,
      message: 'The folder is in use. Waited 1 ms for it to end.',
    });
    lock.release();
    (await acquireLock(path)).release();
  });

  test('is dropped by the system when its holder is killed, and waits for that', async () => {
    const path = join(folder, 'killed.lock');
    const holder = fork(new URL('./lock-holder.ts', import.meta.url), [path]);
    await once(holder, 'message');
    await assert.rejects(acquireLock(path), { code: 'lock_held' });
    const waiting = acquireLock(path, { waitMs: 20_000 });
    holder.kill('SIGKILL');
    (await waiting).release();
  });

  test('waits as long as told and not longer, and can be called off', async () => {
    const path = join(folder, 'waited.lock');
    const lock = await acquireLock(path);
    const clock = new ManualClock();
    const refused = assert.rejects(acquireLock(path, { waitMs: 120, clock }), { code: 'lock_held', message: /120 ms/ });
    for (const ms of [50, 50, 20]) {
      await clock.awaited(ms);
      clock.advance(ms);
    }
    await refused;

    const abort = new AbortController();
    const calledOff = assert.rejects(acquireLock(path, { waitMs: 120, clock, signal: abort.signal }), /enough/);
    await clock.awaited(50);
    abort.abort(new Error('enough'));
    await calledOff;
    lock.release();
  });

  test('says so when the file is something else or cannot be made', async () => {
    const path = join(folder, 'letter.txt');
    writeFileSync(path, 'Dear Sir or Madam, '.repeat(100));
    await assert.rejects(acquireLock(path), { name: 'OperatorError', code: 'lock_unusable' });
    await assert.rejects(acquireLock(join(path, 'below.lock')), { name: 'OperatorError', code: 'lock_unusable' });
  });
});
