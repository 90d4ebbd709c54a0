import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { running } from '../../program.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const LAVAPIPE = '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json';
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const LOADER = '/usr/lib/x86_64-linux-gnu/libvulkan.so.1';
const [NVIDIA, AMD, INTEL] = ['0x10de', '0x1002', '0x8086'];
/** Share of the largest value: 32-bit sums in another order. */
const TOLERANCE = 1e-4;

interface Found {
  readonly fused: boolean;
  readonly apart: Readonly<Record<'text' | 'prior' | 'decoder', number>>;
}

/** Runs the networks on software drivers that look like another device. */
async function networksOn(t: TestContext, settings: Readonly<Record<string, string>>): Promise<Found> {
  const folder = await temporaryFolder(t);
  const shim = join(import.meta.dirname, 'vulkan-shim.c');
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', join(folder, 'libvulkan.so.1'), shim, '-ldl']);
  const printed = execFileSync(process.execPath, [...running(new URL('./webgpu-networks.ts', import.meta.url))], {
    encoding: 'utf8',
    env: {
      ...process.env,
      ...{ LD_LIBRARY_PATH: folder, REAL_VULKAN: realpathSync(LOADER) },
      ...{ XDG_CACHE_HOME: folder, XDG_RUNTIME_DIR: folder, VK_DRIVER_FILES: LAVAPIPE },
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Found;
}

function right({ apart }: Found): void {
  for (const [network, share] of Object.entries(apart)) assert.ok(share <= TOLERANCE, `${network} is off by ${share}`);
}

test('a device like one of NVIDIA computes the fused attention right, and uses it', async (t) => {
  const found = await networksOn(t, { SHIM_VENDOR: NVIDIA, VK_DRIVER_FILES: SWIFTSHADER });
  assert.ok(found.fused);
  right(found);
});

for (const [vendor, bits, subgroup] of [
  [AMD, 512, 16],
  [AMD, 256, 8],
  [INTEL, 128, 4],
] as const) {
  if (bits === 512 && !/\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'latin1'))) continue;
  test(`a device with subgroups of ${subgroup} computes it wrong, which is noticed, and the networks are right`, async (t) => {
    const found = await networksOn(t, { SHIM_VENDOR: vendor, LP_NATIVE_VECTOR_WIDTH: String(bits) });
    assert.ok(!found.fused);
    right(found);
  });
}

test('the networks are right on a device without subgroups', async (t) => {
  right(await networksOn(t, { SHIM_VENDOR: AMD, SHIM_NOSUBGROUP: '1', VK_DRIVER_FILES: SWIFTSHADER }));
});
