import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cudaDevices, cudaMemory } from '../../../src/pipeline/runtime/device-memory.ts';
import type { HostFacts } from '../../../src/pipeline/runtime/host-facts.ts';
import { hostMemory, memoryWithin } from '../../../src/pipeline/runtime/host-memory.ts';
import { chooseResidency, MemoryPlan } from '../../../src/pipeline/runtime/memory-plan.ts';
import type { Residency } from '../../../src/pipeline/runtime/residency.ts';

const MEMINFO = 'MemTotal:       24684084 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n';
const GB = 1e9;

function facts(files: Readonly<Record<string, string>>, change: Partial<HostFacts> = {}): HostFacts {
  return {
    platform: 'linux',
    read: (path) => files[path] ?? null,
    print: () => null,
    freemem: () => 2 * GB,
    processors: () => 4,
    ...change,
  };
}

describe('the free memory of the host', () => {
  test('counts what the system would give back, not only what nobody uses', () => {
    assert.deepEqual(hostMemory(facts({ '/proc/meminfo': MEMINFO })), { bytes: 20_480_000_000, of: 'this machine' });
  });

  test('is no more than any control group above this process admits, cached files apart', () => {
    const group = '/sys/fs/cgroup/system.slice';
    const files = {
      '/proc/meminfo': MEMINFO,
      '/proc/self/cgroup': '0::/system.slice/wuerst.service\n',
      [`${group}/wuerst.service/memory.max`]: 'max\n',
      [`${group}/wuerst.service/memory.current`]: '1000000000\n',
      [`${group}/memory.max`]: '8000000000\n',
      [`${group}/memory.current`]: '7000000000\n',
      [`${group}/memory.stat`]: 'anon 1\ninactive_file 3000000000\nactive_file 500000000\n',
    };
    const { bytes, of } = hostMemory(facts(files));
    assert.equal(bytes, 4.5 * GB);
    assert.match(of, /control group/);
  });

  test('knows the limit of a container, where its own group is mounted as the root', () => {
    const files = {
      '/proc/meminfo': MEMINFO,
      '/proc/self/cgroup': '4:memory:/docker/0123\n0::/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '6000000000\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '2000000000\n',
      '/sys/fs/cgroup/memory/memory.stat': 'inactive_file 5\ntotal_inactive_file 1000000000\ntotal_active_file 0\n',
    };
    assert.equal(hostMemory(facts(files)).bytes, 5 * GB);
    const unlimited = { ...files, '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' };
    assert.equal(hostMemory(facts(unlimited)).of, 'this machine');
  });

  test('is no more than what the address space may grow by', () => {
    const files = {
      '/proc/meminfo': MEMINFO,
      '/proc/self/limits':
        'Max open files  20000\nMax address space         4000000000           4000000000           bytes\n',
      '/proc/self/status': 'VmPeak:  9 kB\nVmSize:  1000000 kB\n',
    };
    const { bytes, of } = hostMemory(facts(files));
    assert.equal(bytes, 4 * GB - 1_024_000_000);
    assert.match(of, /address space/);
    const unlimited = {
      ...files,
      '/proc/self/limits': 'Max address space         unlimited            unlimited            bytes\n',
    };
    assert.equal(hostMemory(facts(unlimited)).of, 'this machine');
  });

  test('on macOS adds up what it would give back, and elsewhere asks Node', () => {
    const vmStat = [
      'Mach Virtual Memory Statistics: (page size of 16384 bytes)',
      'Pages free:                               10000.',
      'Pages active:                            400000.',
      'Pages inactive:                          200000.',
      'Pages speculative:                         5000.',
      'Pages purgeable:                           1000.',
    ].join('\n');
    assert.equal(hostMemory(facts({}, { platform: 'darwin', print: () => vmStat })).bytes, 216_000 * 16_384);
    assert.equal(hostMemory(facts({}, { platform: 'darwin' })).bytes, 2 * GB);
    assert.equal(hostMemory(facts({ '/proc/meminfo': MEMINFO }, { platform: 'win32' })).bytes, 2 * GB);
  });

  test('of this very machine is a number', () => {
    assert.ok(hostMemory().bytes > 0);
  });
});

test('a CUDA device is asked by the number it has for this process, and is unknown without the tool', () => {
  const asked: string[] = [];
  const smi = (args: readonly string[]) => {
    asked.push(args[0] ?? '');
    return '10240\n';
  };
  assert.deepEqual(cudaMemory(0, smi, undefined), { bytes: 10_240 * 2 ** 20, of: 'CUDA device 0' });
  assert.equal(cudaMemory(1, smi, '3, 2')?.of, 'CUDA device 2');
  assert.deepEqual(asked, ['--id=0', '--id=2']);
  assert.equal(
    cudaMemory(0, () => null, undefined),
    null,
  );
  assert.equal(
    cudaMemory(0, () => 'No devices were found\n', undefined),
    null,
  );
});

test('everything stays loaded where it fits with room to spare; a silent GPU is taken for a small one', () => {
  const needs = { resident: 8 * GB, stage: 3 * GB, sequential: GB };
  const free = (bytes: number) => ({ bytes, of: 'this machine' });
  assert.equal(chooseResidency(needs, free(10 * GB)).residency, 'resident');
  const tight = chooseResidency(needs, free(9 * GB));
  assert.equal(tight.residency, 'stage');
  assert.match(tight.reason, /need about 8\.00 GB.*9\.00 GB of this machine are free/);
  assert.equal(chooseResidency(needs, null).residency, 'stage');
  assert.equal(chooseResidency({ ...needs, resident: 5 * GB }, null).residency, 'resident');
});

test('a process that has a part of the memory may take what it has not taken of it, and never more than there is', () => {
  const status = { '/proc/meminfo': MEMINFO, '/proc/self/status': 'VmRSS:\t 9000000 kB\nRssAnon:\t 1000000 kB\n' };
  const part = { bytes: 3 * GB - 1_024_000_000, of: 'the part of this process' };
  assert.deepEqual(memoryWithin(3 * GB, facts(status)), part);
  assert.equal(memoryWithin(0.5 * GB, facts(status)).bytes, 0);
  assert.equal(memoryWithin(30 * GB, facts(status)).of, 'this machine');
});

test('the GPUs are those that the driver lists, or those that CUDA may see, counted anew', () => {
  const smi = () => '0\n1\n2\n';
  assert.deepEqual(cudaDevices(smi, undefined), [0, 1, 2]);
  assert.deepEqual(cudaDevices(smi, '3, 2'), [0, 1]);
  assert.deepEqual(
    cudaDevices(() => null, undefined),
    [],
  );
});

test('a few blocks are loaded at a time only where no whole network fits, and where that saves much', () => {
  const needs = { resident: 16 * GB, stage: 5 * GB, sequential: 0.9 * GB };
  const free = (bytes: number) => ({ bytes, of: 'the memory limit of its control group' });
  assert.equal(chooseResidency(needs, free(6 * GB)).residency, 'stage');
  const { residency, reason } = chooseResidency(needs, free(3.2 * GB));
  assert.equal(residency, 'sequential');
  assert.equal(
    reason,
    'one network at a time needs about 5.00 GB, a block at a time 900.0 MB, 3.20 GB of the memory limit of its control group are free',
  );
  assert.equal(chooseResidency({ ...needs, sequential: 4 * GB }, free(3 * GB)).residency, 'stage');
  assert.equal(chooseResidency({ ...needs, stage: 8 * GB }, null).residency, 'sequential');
});

describe('as little memory as possible', () => {
  const large = { resident: 16 * GB, stage: 5 * GB, sequential: 0.9 * GB };
  const planned = (asked: Residency | 'auto', bytes: number) => {
    const plan = new MemoryPlan('cpu', asked, () => ({ bytes, of: 'this machine' }));
    plan.decide(large);
    return plan;
  };

  test('after one network at a time comes one block at a time, for pictures of that size', async () => {
    const plan = planned('resident', 20 * GB);
    const seen: string[] = [];
    const network = {
      release: async () => {
        plan.left(network);
        seen.push('released');
      },
    };
    const begin = async (pixels: number) => {
      await plan.beginPicture(pixels);
      await plan.enter(network);
      seen.push(plan.residency);
    };
    for (const shortage of [true, true, false]) {
      await begin(100);
      if (shortage) plan.ranOut(100);
    }
    await begin(50);
    await begin(200);
    assert.deepEqual(
      seen.join(' '),
      'resident released stage released sequential released resident released sequential',
      'a session of one kind is none of the other',
    );
    assert.match(plan.reason, /^memory ran out; it takes about [\d.]+ times as long as one network at a time$/);
  });

  test('where the system ended the process with one network at a time, the next one begins with blocks', async () => {
    for (const [asked, after] of [
      ['resident', 'stage'],
      ['stage', 'sequential'],
      ['auto', 'sequential'],
    ] as const) {
      const plan = planned(asked, 8 * GB);
      plan.ended(100);
      await plan.beginPicture(100);
      assert.equal(plan.residency, after, asked);
      await plan.beginPicture(50);
      assert.equal(plan.residency, asked === 'auto' ? 'stage' : asked);
    }
  });

  test('a group of blocks takes what is free beside its run, up to a limit that leaves files in memory', () => {
    const bytes = (free: number, working: number) => planned('sequential', free).groupBytes(working);
    assert.equal(bytes(20 * GB, 0.1 * GB), bytes(4 * GB, 0.1 * GB));
    assert.ok(bytes(20 * GB, 0.1 * GB) < 1.1 * GB);
    assert.ok(bytes(20 * GB, 0.5 * GB) < bytes(20 * GB, 0.1 * GB));
    assert.ok(bytes(20 * GB, 5 * GB) > 0.2 * GB, 'no smaller than the largest block');
    assert.ok(bytes(0.6 * GB, 0.1 * GB) < 0.4 * GB);
    assert.equal(bytes(0.1 * GB, 0.2 * GB), 0);
  });
});
