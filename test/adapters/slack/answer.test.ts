import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PIXEL, REQUEST } from '../fake-core.ts';
import { sendCommand } from './payloads.ts';
import { setting } from './setting.ts';

test('a command is acknowledged at once, shows progress with a preview, and ends as the pictures with buttons', async (t) => {
  const s = await setting(t);
  const { standIn, core, channel, job, shown, pass } = s;
  core.onCommand = (text, caller, { idempotencyKey }) =>
    core.accept({ ...REQUEST, prompt: text, n: 2 }, caller, idempotencyKey);
  const acked = await sendCommand(standIn, 'a red fox', { channel });
  assert.equal(acked.deliveries, 1);
  await standIn.until(() => standIn.visible(channel).length === 1);
  assert.equal(shown().job, job());
  assert.equal(shown().text, 'a red fox\nqueued');

  core.started(job());
  core.step(job(), 0.5, PIXEL);
  await pass(() => standIn.shownFiles(shown()).some(({ name }) => name === 'preview.png'));
  assert.match(JSON.stringify(shown().blocks), /▰{6}▱{6} 50 %/);

  core.finish(job());
  await pass(() => core.delivered.has(job()));
  assert.equal(standIn.visible(channel).length, 1);
  assert.deepEqual(
    shown()
      .blocks.filter(({ type }) => type === 'image')
      .map(({ alt_text }) => alt_text),
    ['a red fox', 'a red fox'],
  );
  assert.deepEqual(
    standIn.shownFiles(shown()).map(({ name, bytes }) => [name, bytes?.equals(PIXEL)]),
    [
      ['a-red-fox-0.png', true],
      ['a-red-fox-1.png', true],
    ],
  );
  const buttons = JSON.stringify(shown().blocks);
  for (const action of [`reroll:${job()}`, `delete:${job()}`]) assert.ok(buttons.includes(action), action);
  assert.equal(core.delivered.get(job()), null);
  assert.ok([...standIn.files.values()].every(({ name, deleted }) => name !== 'preview.png' || deleted));
  assert.deepEqual(standIn.violations, []);
  assert.equal(standIn.socket.late, 0);
});
