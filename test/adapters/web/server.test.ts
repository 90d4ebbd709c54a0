import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createWebAdapter } from '../../../src/adapters/web/server/adapter.ts';
import { OperatorError } from '../../../src/system/errors.ts';
import { optionsFrom, SILENT, serveFake } from './serve-fake.ts';

test('a body that never ends is refused at the limit, and the server goes on', async (t) => {
  const { url } = await serveFake(t);
  const chunk = new Uint8Array(64 * 1024).fill(0x20);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += chunk.byteLength;
      if (sent > 100 * 1024 * 1024) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const request = {
    method: 'POST',
    body: endless,
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  } as const;
  const status = await fetch(`${url}api/rooms/r/commands`, request).then(
    (response) => response.status,
    () => 'cut off',
  );
  assert.ok(status === 413 || status === 'cut off', String(status));
  assert.ok(sent < 100 * 1024 * 1024);
  assert.equal((await fetch(`${url}healthz`)).status, 200);
});

test('a length of 100 MB is refused before the body is read', async (t) => {
  const { url } = await serveFake(t);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(
    'POST /api/actions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{',
  );
  const [answer] = await once(socket, 'data');
  assert.match(String(answer), /^HTTP\/1\.1 413 /);
  assert.match(String(answer), /"code":"body_too_large"/);
  socket.destroy();
});

test('jobs that ended while the bot was down are taken as delivered: pages read the history', async (t) => {
  const { core, adapter } = await serveFake(t);
  const job = await core.request('a fox');
  await adapter.stop(100);
  await core.complete(job.id);
  assert.equal(core.delivered.has(job.id), false);
  await adapter.start(core);
  assert.equal(core.delivered.has(job.id), true);
});

test('stopping ends open event streams and frees the port', async (t) => {
  const { core, adapter, url } = await serveFake(t);
  const events = await fetch(`${url}api/rooms/r/events`);
  await adapter.stop(5000);
  assert.match(await events.text(), /^event: hello/);
  const again = createWebAdapter({ ...optionsFrom({ port: new URL(url).port }), logger: SILENT });
  await again.start(core);
  await again.stop(100);
});

test('a port that is taken is explained to the operator', async (t) => {
  const { core, url } = await serveFake(t);
  const second = createWebAdapter({ ...optionsFrom({ port: new URL(url).port }), logger: SILENT });
  await assert.rejects(
    second.start(core),
    (error) => error instanceof OperatorError && error.code === 'web_port_in_use',
  );
});
