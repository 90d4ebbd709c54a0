import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { REST } from 'discord.js';
import { fewConnections } from '../../../src/adapters/discord/rest/connections.ts';

test('a burst of requests is made a few at a time, and answers to interactions pass whatever waits for one', async (t) => {
  const waiting: ServerResponse[] = [];
  const asked: string[] = [];
  let arrived = () => {};
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    waiting.push(response);
    arrived();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const rest = new REST({ api: `http://127.0.0.1:${port}/api`, makeRequest: fewConnections(2) });
  const edits = Array.from({ length: 6 }, (_, k) => rest.patch(`/webhooks/1/token-${k}/messages/2`, { auth: false }));
  while (asked.length < 2) {
    await new Promise<void>((resolve) => {
      arrived = resolve;
    });
  }
  const answer = rest.post('/interactions/3/a-token/callback', { auth: false });
  let answered = false;
  void answer.then(() => {
    answered = true;
  });
  while (!answered || asked.length < 7 || waiting.length > 0) {
    assert.ok(waiting.length <= 2);
    waiting.shift()?.writeHead(204).end();
    await new Promise(setImmediate);
  }
  await Promise.all([...edits, answer]);
  assert.match(asked[2] ?? '', /\/interactions\/3\//);
});
