import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { WUERST } from '../program.ts';
import { endsOf, openWorkshop } from './workshop.ts';

const run = promisify(execFile);

test('wuerst workers lists who is there and what is wrong with Redis, and says what an order holds for', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1');
  const env = { WUERST_DATA: shop.folder, WUERST_REDIS: shop.redis.address.url, WUERST_PROCESSES: '0' };
  const wuerst = async (...args: string[]) => {
    const options = { env: { ...process.env, WUERST_PROVIDER: 'cpu', ...env } };
    return (await run(process.execPath, [...WUERST, 'workers', ...args], options)).stdout;
  };
  assert.match(await wuerst(), /^name .*last error\ngpu-1 +accepted +0 min +fake +nothing/);
  const { workers, waiting } = JSON.parse(await wuerst('--json'));
  assert.deepEqual([workers.length, workers[0].id, workers[0].verdict.state, waiting], [1, worker.id, 'accepted', 0]);
  assert.equal(await wuerst('drain', 'gpu-1'), 'gpu-1 gets no new job and stops after its own.\n');
  assert.match(
    await wuerst('ban', 'gpu-9'),
    /^gpu-9 is refused from now on\.\nNo worker of this name is there now: .*\n$/,
  );
  const admin = new Redis(shop.redis.port);
  endsOf(t).after(() => admin.disconnect());
  await admin.config('SET', 'maxmemory', '1');
  assert.match(await wuerst(), /gpu-1: drained\ngpu-9: banned\n(?:.*\n)*Redis at .* has no memory left/);
});
