import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createEngine } from '../../../src/pipeline/engine/engine.ts';
import type { Engine, EngineEvent, EngineRequest, GenerateContext } from '../../../src/pipeline/process/protocol.ts';

const MODEL = join(import.meta.dirname, '../../../data/models/cocktail');

function request(prompt: string, seed: bigint, change: Partial<EngineRequest> = {}): EngineRequest {
  const images = [{ index: 0, source: { kind: 'words', seed }, stageBSeed: seed, metadata: {} }] as const;
  return {
    ...{ prompt, negative: '', width: 128, height: 128, style: 'interpolated', steps: 6, decoderSteps: 3 },
    ...{ guidance: 4, decoderGuidance: 0, images },
    ...change,
  };
}

/** Calls into the networks, and how many rows went through each. */
async function open(batch: number | 'off') {
  const engine = createEngine({ previewEveryMs: 1e9 });
  const info = await engine.load({ model: MODEL, provider: 'cpu', batch }, { announce: async () => {} });
  return { engine, info };
}

async function paint(engine: Engine, asked: EngineRequest, change: Partial<GenerateContext> = {}) {
  const events: EngineEvent[] = [];
  const context = { signal: new AbortController().signal, announce: async () => {}, ...change };
  for await (const event of engine.generate(asked, context)) events.push(event);
  const done = events.find((event) => event.type === 'done');
  return { events, png: events.find((event) => event.type === 'image')?.png, share: done?.share ?? 0, done };
}

const ASKED = [
  request('a panda', 1n),
  request('a red heart', 2n, { negative: 'green', steps: 4 }),
  request('a cat', 3n, { guidance: 1, decoderSteps: 5 }),
];

test('pictures of several requests at the same time are those made one after another, and share the time', async () => {
  const apart = await open('off');
  assert.equal(apart.info.together, 1);
  const expected = [];
  for (const asked of ASKED) expected.push(await paint(apart.engine, asked));
  assert.ok(expected.every(({ share }) => share === 1));
  const { engine, info } = await open(3);
  assert.equal(info.together, 3);
  const found = await Promise.all(ASKED.map((asked) => paint(engine, asked)));
  for (const [i, { png, share }] of found.entries()) {
    assert.deepEqual(png, expected[i]?.png);
    assert.ok(share > 0 && share < 0.9, `${share}`);
  }
});

test('one that is cancelled leaves within a step, and the others lose nothing', async () => {
  const { engine } = await open(3);
  const alone = await paint((await open('off')).engine, ASKED[0] ?? request('a panda', 1n));
  const stop = new AbortController();
  let steps = 0;
  const cancelled = (async () => {
    const context = { signal: stop.signal, announce: async () => {} };
    for await (const event of engine.generate(request('a cat', 9n, { steps: 50 }), context)) {
      if (event.type !== 'step' || event.stage !== 'prior') continue;
      steps += 1;
      if (steps === 2) stop.abort(new Error('not wanted any more'));
    }
  })();
  const [other] = await Promise.all([
    paint(engine, ASKED[0] ?? request('a panda', 1n)),
    assert.rejects(cancelled, /not wanted any more/),
  ]);
  assert.ok(steps <= 3, `${steps} steps`);
  assert.deepEqual(other.png, alone.png);
});

test('requests at the same time that run out of memory are made all the same, and later ones of their size alone', async () => {
  const [panda, heart] = ASKED;
  assert.ok(panda && heart);
  const apart = await open('off');
  const expected = [await paint(apart.engine, panda), await paint(apart.engine, heart)];
  let failures = 2;
  const engine = createEngine({
    previewEveryMs: 1e9,
    beforeCall: ({ graph, kind }) => {
      if (graph !== 'decoder' || kind !== 'run' || failures === 0) return;
      failures -= 1;
      throw new Error('std::bad_alloc');
    },
  });
  await engine.load({ model: MODEL, provider: 'cpu', batch: 3 }, { announce: async () => {} });
  const both = () => Promise.all([panda, heart].map((asked) => paint(engine, asked)));
  for (const [i, { png }] of (await both()).entries()) assert.deepEqual(png, expected[i]?.png);
  assert.equal(failures, 0);
  for (const [i, { png, share }] of (await both()).entries()) {
    assert.deepEqual(png, expected[i]?.png);
    assert.equal(share, 1);
  }
});

test('requests that cannot share steps take turns', async () => {
  const { engine } = await open(3);
  const order: string[] = [];
  const watched = async (name: string, asked: EngineRequest) => {
    const { events } = await paint(engine, asked, {
      announce: async (call) => {
        if (call.endsWith('.run')) order.push(name);
      },
    });
    return events;
  };
  await Promise.all([
    watched('small', request('a panda', 1n)),
    watched('wide', request('a panda', 1n, { width: 256 })),
    watched('base', request('a panda', 1n, { style: 'base' })),
  ]);
  assert.deepEqual([...new Set(order)], ['small', 'wide', 'base']);
  assert.deepEqual(
    order,
    order.toSorted((a, b) => ['small', 'wide', 'base'].indexOf(a) - ['small', 'wide', 'base'].indexOf(b)),
  );
});
