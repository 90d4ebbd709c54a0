import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostThreads } from '../../../src/pipeline/runtime/host-threads.ts';

/** Of a machine with 32 processors. */
function threads(files: Readonly<Record<string, string>>, processors = 32) {
  return hostThreads({ platform: 'linux', read: (path) => files[path] ?? null, processors: () => processors });
}

const GROUP = '/sys/fs/cgroup';

test('without a quota each processor that may be used gets a thread', () => {
  assert.equal(threads({}).count, 32);
  assert.equal(threads({ '/proc/self/cgroup': '0::/\n', [`${GROUP}/cpu.max`]: 'max 100000\n' }).count, 32);
  const first = { '/proc/self/cgroup': '2:cpu:/\n', [`${GROUP}/cpu/cpu.cfs_period_us`]: '100000\n' };
  assert.equal(threads({ ...first, [`${GROUP}/cpu/cpu.cfs_quota_us`]: '-1\n' }).count, 32);
  assert.match(threads({}).reason, /each processor/);
});

test('there are no more threads than the CPU quota has whole processors, and at least one', () => {
  const quota = (text: string, processors?: number) =>
    threads({ '/proc/self/cgroup': '0::/\n', [`${GROUP}/cpu.max`]: text }, processors);
  assert.deepEqual(quota('200000 100000\n'), {
    count: 2,
    reason: 'the CPU quota of its control group is 2 of 32 processors',
  });
  assert.equal(quota('350000 100000\n').count, 3);
  assert.equal(quota('10000 20000\n').count, 1);
  assert.match(quota('10000 20000\n').reason, /0\.5 of 32/);
  assert.equal(quota('6400000 100000\n').count, 32);
  assert.equal(quota('800000 100000\n', 4).count, 4);
});

test('the least quota of all groups above this process counts', () => {
  const files = {
    '/proc/self/cgroup': '0::/wuerst.slice/bot.service\n',
    [`${GROUP}/wuerst.slice/bot.service/cpu.max`]: 'max 100000\n',
    [`${GROUP}/wuerst.slice/cpu.max`]: '400000 100000\n',
  };
  assert.equal(threads(files).count, 4);
  assert.equal(threads({ ...files, [`${GROUP}/cpu.max`]: '150000 50000' }).count, 3);
});

test('version 1 is read too: under the names of its controllers, and where a container has mounted its own group', () => {
  const quota = { 'cpu.cfs_quota_us': '250000\n', 'cpu.cfs_period_us': '100000\n' };
  const at = (folder: string) =>
    Object.fromEntries(Object.entries(quota).map(([name, text]) => [`${folder}/${name}`, text]));
  const cgroup = { '/proc/self/cgroup': '5:memory:/other\n4:cpu,cpuacct:/docker/0123/inner\n' };
  assert.equal(threads({ ...cgroup, ...at(`${GROUP}/cpu,cpuacct`) }).count, 2);
  assert.equal(threads({ ...cgroup, ...at(`${GROUP}/cpu/docker/0123/inner`) }).count, 2);
  assert.equal(threads({ ...cgroup, ...at(`${GROUP}/memory`) }).count, 32);
  const mountinfo = '33 32 0:29 /docker/0123 /cgroups/cpu rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n';
  const mounted = { ...cgroup, '/proc/self/mountinfo': mountinfo };
  assert.equal(threads({ ...mounted, ...at('/cgroups/cpu/inner') }).count, 2);
});
