import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createAdaptorServer } from '@hono/node-server';
import type { EngineEvent, EngineRequest } from '../../src/pipeline/process/protocol.ts';
import { systemClock } from '../../src/system/clock.ts';
import { AttemptFailed, Attempts } from '../../src/workers/bot/attempts.ts';
import { createIntake } from '../../src/workers/bot/intake.ts';
import { type Said, saying } from '../../src/workers/said.ts';
import { attempt } from '../../src/workers/worker/attempt.ts';
import { BotConnection } from '../../src/workers/worker/bot-connection.ts';
import { ManualClock } from '../manual-clock.ts';
import { sketch } from './sketch-engine.ts';

const REQUEST: EngineRequest = {
  ...{ prompt: 'a panda', negative: '', width: 128, height: 64, style: 'base', steps: null },
  ...{ decoderSteps: 12, guidance: 4, decoderGuidance: 0 },
  images: [{ index: 0, source: { kind: 'words', seed: 1n }, stageBSeed: 7n, metadata: {} }],
};

test('what is painted by a process that came with another model after the request did is not delivered', async (t) => {
  const attempts = new Attempts({ leaseMs: 1000, clock: new ManualClock() });
  const log = () => {};
  const server = createAdaptorServer({
    fetch: createIntake({ attempts, bot: '', logger: { warn: log, error: log } }).fetch,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => new Promise((resolve) => server.close(resolve)));
  const given = attempts.open(REQUEST);
  const events: EngineEvent[] = [];
  const read = async () => {
    for await (const event of given.events()) events.push(event);
  };
  const refused = assert.rejects(read(), AttemptFailed);
  let why: Said | undefined;
  const hands = {
    async *generate(request: EngineRequest): AsyncGenerator<EngineEvent, void> {
      why = saying('This worker has another model.');
      const embedding = { dims: [1], data: Float32Array.of(1) };
      yield { type: 'image', image: 0, png: sketch(request, 7n), metadata: {}, embedding };
      yield { type: 'done', timings: {}, warnings: [] };
    },
  };
  const bot = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const { end } = await attempt({
    bot: new BotConnection(given.path, { bot, clock: systemClock, patienceMs: 1000 }),
    ...{ hands, clock: new ManualClock(), filesFolder: '', beatMs: 1000, signal: new AbortController().signal },
    objection: () => why,
    onRequest: () => {},
  });
  assert.deepEqual(end, { kind: 'given-back', reason: why, leaving: false });
  await refused;
  assert.deepEqual(events, []);
});

test('a proxy in front of the bot that takes no pictures of their size is named, with what it has to take', async (t) => {
  const proxy = createServer((request, response) => {
    request.resume();
    response.writeHead(413, { 'content-type': 'text/html' }).end('<html>413 Request Entity Too Large</html>');
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  t.after(() => new Promise((resolve) => proxy.close(resolve)));
  const bot = new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`);
  const connection = new BotConnection('/workers/jobs/1', { bot, clock: systemClock, patienceMs: 1000 });
  const embedding = { dims: [1], data: Float32Array.of(1) };
  const sent = connection.image({ type: 'image', image: 0, png: sketch(REQUEST, 7n), metadata: {}, embedding });
  await assert.rejects(sent, { code: 'bot_refuses', message: /^The proxy at .* it has to take 64 MiB\.$/ });
});
