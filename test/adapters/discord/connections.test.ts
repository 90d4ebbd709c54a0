// Before discord.js, which has a version of its own.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { getGlobalDispatcher } from 'undici';
import { fewConnections, restOptions } from '../../../src/adapters/discord/rest/connections.ts';

test('pictures are sent whichever version of undici was loaded first', async (t) => {
  assert.ok(getGlobalDispatcher());
  const received: { readonly type: string | undefined; readonly body: string; readonly auth: string | undefined }[] =
    [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { 'content-type': type, authorization: auth } = request.headers;
    received.push({ type, auth, body: Buffer.concat(parts).toString('latin1') });
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  for (const makeRequest of [fewConnections(2), restOptions(url).makeRequest]) {
    const body = new FormData();
    body.append('files[0]', new Blob([Buffer.from('a picture')], { type: 'image/png' }), 'panda.png');
    const response = await makeRequest(url, { method: 'POST', body, headers: { Authorization: 'Bot token' } });
    assert.equal(response.status, 200);
  }
  assert.equal(received.length, 2);
  for (const { type, body, auth } of received) {
    assert.match(type ?? '', /^multipart\/form-data; boundary=/);
    assert.match(body, /filename="panda\.png"[\s\S]*image\/png[\s\S]*a picture/);
    assert.equal(auth, 'Bot token');
  }
});
