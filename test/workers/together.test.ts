import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RunningWorker } from '../../src/workers/worker/worker-options.ts';
import { sketch } from './sketch-engine.ts';
import { endsOf, openWorkshop } from './workshop.ts';

test('a worker that can paints requests that are alike at the same time, and others after them', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1', { load: { model: 'sketch-2', cacheDir: shop.folder } });
  const texts = ['hold cat size:128x128', 'hold dog size:128x128', 'hold owl size:128x128', 'hold ant size:256x128'];
  const asked = [];
  for (const text of texts) asked.push(await shop.ask(text));
  const [cat, dog, ...later] = asked.map(({ id }) => id);
  assert.ok(cat !== undefined && dog !== undefined);
  await Promise.all([shop.steps(cat), shop.steps(dog)]);
  assert.deepEqual(
    later.map((id) => shop.studio.job(id)?.state),
    ['queued', 'queued'],
  );
  writeFileSync(join(shop.folder, 'go'), '');
  for (const { id } of asked) {
    const { state, request, images } = await shop.ended(id);
    assert.equal(state, 'done');
    for (const image of images) {
      const path = await shop.studio.imagePath(image.id);
      assert.deepEqual(readFileSync(path ?? ''), Buffer.from(sketch(request, image.seed)));
    }
  }
  assert.equal(shop.force.workers[0]?.painted, texts.length);
});

for (const [what, end] of [
  ['its process dies', ({ pid }: RunningWorker) => process.kill(pid ?? 0, 'SIGKILL')],
  ['it has to stop', (worker: RunningWorker) => worker.giveBack()],
] as const) {
  test(`all that a worker paints at the same time comes back when ${what}, and is painted`, async (t) => {
    const shop = await openWorkshop(t);
    const load = { model: 'sketch-2', cacheDir: shop.folder };
    const worker = await shop.worker('gpu-1', { load });
    const asked = [await shop.ask('hold cat size:128x128'), await shop.ask('hold dog size:128x128')];
    for (const { id } of asked) await shop.steps(id);
    const other = shop.worker('gpu-2', { load });
    await end(worker);
    await other;
    writeFileSync(join(shop.folder, 'go'), '');
    for (const { id } of asked) assert.equal((await shop.ended(id)).state, 'done');
    assert.equal(shop.log.lines.filter((line) => line.includes('a job comes back from a worker')).length, 2);
  });
}

test('locks that are lost stop all that is painted at the same time, and each is painted once more', async (t) => {
  const shop = await openWorkshop(t);
  const load = { model: 'sketch-2', cacheDir: shop.folder };
  await shop.worker('gpu-1', { load });
  const asked = [await shop.ask('hold cat size:128x128'), await shop.ask('hold dog size:128x128')];
  for (const { id } of asked) await shop.steps(id);
  await shop.redis.kill();
  await shop.redis.start({ keepData: false });
  const lost = () => shop.log.lines.filter((line) => line.includes('The lock of the job was lost.')).length;
  while (!t.signal.aborted && lost() < 2) await new Promise(setImmediate);
  writeFileSync(join(shop.folder, 'go'), '');
  for (const { id } of asked) {
    const { state, images } = await shop.ended(id);
    const starts = shop.events.filter(({ type, job }) => type === 'started' && job.id === id);
    assert.deepEqual([state, images.length, starts.length], ['done', 1, 2]);
  }
});

test('of requests that are painted at the same time, one whose words arrive late does not wait for the others to end', async (t) => {
  const shop = await openWorkshop(t);
  const way = await LateWay.start(t, shop.force.url);
  await shop.worker('gpu-1', { load: { model: 'sketch-2', cacheDir: shop.folder }, bot: way.url });
  const first = await shop.ask('hold cat size:128x128');
  const second = await shop.ask('hold dog size:128x128');
  await shop.steps(second.id);
  way.open();
  await shop.steps(first.id);
  assert.equal(shop.studio.job(second.id)?.state, 'running');
  writeFileSync(join(shop.folder, 'go'), '');
  for (const { id } of [first, second]) assert.equal((await shop.ended(id)).state, 'done');
});

/** A way to the bot on which the first request for a job is held back. */
class LateWay {
  readonly url: URL;
  readonly open: () => void;

  private constructor(url: URL, open: () => void) {
    this.url = url;
    this.open = open;
  }

  static async start(t: TestContext, bot: string): Promise<LateWay> {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    let isFirst = true;
    const server = createServer(async (from, to) => {
      const isLate = isFirst && from.method === 'GET' && from.url?.includes('/attempts/');
      if (isLate) isFirst = false;
      if (isLate) await opened;
      const { method = 'GET', headers, url = '' } = from;
      const passedOn = httpRequest(new URL(url, bot), { method, headers }, (answer) => {
        to.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(to);
      });
      passedOn.on('error', () => to.destroy());
      from.pipe(passedOn);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endsOf(t).after(() => {
      server.close();
      server.closeAllConnections();
    });
    return new LateWay(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), open);
  }
}
