import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { probe } from '../../../src/pipeline/runtime/probe.ts';
import {
  CUDA_LIBRARY,
  checkDevice,
  executionProvider,
  librariesFolder,
  type Machine,
  reasonAgainst,
} from '../../../src/pipeline/runtime/providers.ts';
import { Runtime } from '../../../src/pipeline/runtime/runtime.ts';

/** What CUDA needs, all of it. */
const CUDA_13 = [
  ...['libcuda.so.1', 'libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10', 'libcudnn.so.9'],
];

/** A machine of which only some files exist. */
function machine(change: Partial<Machine> = {}, ...files: string[]): Machine {
  return {
    platform: 'linux-x64',
    backends: ['cpu', 'webgpu', 'cuda'],
    exists: (path) => files.includes(path),
    libraries: () => new Set(CUDA_13),
    dri: [],
    env: {},
    ...change,
  };
}

const LIBRARY = join(librariesFolder(), CUDA_LIBRARY);

test('CUDA gets the number of its device; other providers and no number get none', () => {
  assert.deepEqual(executionProvider('cuda', 1), { name: 'cuda', deviceId: 1 });
  assert.deepEqual(executionProvider('cuda', 0), { name: 'cuda', deviceId: 0 });
  assert.equal(executionProvider('cuda', undefined), 'cuda');
  assert.equal(executionProvider('webgpu', 1), 'webgpu');
  assert.equal(executionProvider('cpu', 1), 'cpu');
});

test('every reason against a provider says what is missing', () => {
  assert.equal(reasonAgainst('cpu', machine({ backends: [] })), null);
  for (const [provider, given, reason] of [
    ['cuda', machine({ platform: 'darwin-arm64', backends: ['cpu', 'webgpu'] }), /no cuda provider for darwin-arm64/],
    ['cuda', machine(), /no NVIDIA device here \(\/dev\/nvidia0 and \/dev\/dxg are missing\)/],
    ['cuda', machine({}, LIBRARY), /no NVIDIA device here/],
    ['cuda', machine({}, '/dev/nvidia0'), /CUDA libraries are not installed: run "wuerst doctor --install-cuda"/],
    ['cuda', machine({}, '/dev/dxg'), /CUDA libraries are not installed/],
    ['webgpu', machine({ dri: ['card0'] }), /no GPU here/],
    ...CUDA_13.map((name) => {
      const given = machine(
        { libraries: () => new Set(CUDA_13.filter((other) => other !== name)) },
        '/dev/nvidia0',
        LIBRARY,
      );
      return [
        'cuda',
        given,
        new RegExp(`: ${name.replaceAll('.', '\\.')} is missing; install .+, or use the provider webgpu$`),
      ] as const;
    }),
  ] as const) {
    assert.match(reasonAgainst(provider, given) ?? '', reason);
  }
});

test('where nothing speaks against a provider, it is tried', () => {
  for (const [provider, given] of [
    ['cuda', machine({}, '/dev/nvidia0', LIBRARY)],
    ['cuda', machine({}, '/dev/dxg', LIBRARY)],
    ['webgpu', machine({}, '/dev/nvidia0')],
    ['webgpu', machine({ dri: ['card0', 'renderD128'] })],
    ['webgpu', machine({ env: { VK_DRIVER_FILES: '/usr/lib/driver.json' } })],
    ['webgpu', machine({ platform: 'win32-x64' })],
  ] as const) {
    assert.equal(reasonAgainst(provider, given), null);
  }
});

test('a provider that fails when it is tried gives the reason of onnxruntime, in one line', async () => {
  const all = machine({ backends: ['cpu', 'webgpu', 'cuda'] }, '/dev/nvidia0', LIBRARY);
  const { works, reason } = await probe('cuda', { device: 250, machine: all });
  assert.equal(works, false);
  assert.match(reason, /^[^\n]{10,}$/);
});

test('a device is a small whole number, and one that only CUDA has', async () => {
  for (const device of [0, 7]) assert.equal(checkDevice(device, 'auto'), device);
  for (const device of [-1, 0.5, Number.NaN, 1e6]) {
    assert.throws(() => checkDevice(device, 'cuda'), { code: 'device_invalid', hint: /WUERST_DEVICE=1/ });
  }
  await assert.rejects(Runtime.create({ provider: 'cpu', device: 1 }), {
    code: 'device_not_selectable',
    message: 'A device can be chosen for CUDA, not for cpu.',
  });
  await assert.rejects(Runtime.create({ provider: 'webgpu', device: 0 }), { code: 'device_not_selectable' });
});
