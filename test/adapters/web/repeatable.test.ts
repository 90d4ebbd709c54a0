import assert from 'node:assert/strict';
import { test } from 'node:test';
import pino from 'pino';
import { createWebApp } from '../../../src/adapters/web/server/app.ts';
import { webOptions } from '../../../src/adapters/web/server/options.ts';
import { openStudio } from '../../bot/studio/studio-fixture.ts';

test('an Idempotency-Key that comes with another command, click or room is refused', async (t) => {
  const { studio, history } = await openStudio(t);
  const options = webOptions.parse({ enabled: 'on' });
  assert.ok(options);
  const web = createWebApp(studio, { ...options, logger: pino({ level: 'silent' }) });
  t.after(() => web.close());
  let token = '';
  const send = async (path: string, body: object, key: string) => {
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': key,
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const answer = await web.app.request(path, { method: 'POST', body: JSON.stringify(body), headers });
    token ||= answer.headers.get('wuerst-personal-token') ?? '';
    const { job, error } = (await answer.json()) as { job?: { id: string }; error?: { code: string; message: string } };
    return { status: answer.status, id: job?.id, ...error };
  };
  const fox = { text: 'a fox', user: 'ann' };
  const first = await send('/api/rooms/r/commands', fox, 'k1');
  assert.equal((await send('/api/rooms/r/commands', fox, 'k1')).id, first.id);
  const click = { action: `reroll:${first.id}`, user: 'ann' };
  const rerolled = await send('/api/actions', click, 'k2');
  assert.equal((await send('/api/actions', click, 'k2')).id, rerolled.id);
  for (const [path, body, key] of [
    ['/api/rooms/r/commands', { ...fox, text: 'a wolf' }, 'k1'],
    ['/api/rooms/other/commands', fox, 'k1'],
    ['/api/actions', click, 'k1'],
    ['/api/actions', { ...click, text: 'a wolf' }, 'k2'],
  ] as const) {
    const { status, code, message } = await send(path, body, key);
    assert.deepEqual([status, code], [422, 'idempotency_key_reused']);
    assert.equal(message, 'This Idempotency-Key came with another request before.');
  }
  assert.equal(history.lists.page({ surface: 'web', limit: 10 }).length, 2);
});
