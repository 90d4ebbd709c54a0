import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { WUERST } from '../program.ts';

const ROOT = join(import.meta.dirname, '../..');

function imagine(...args: readonly string[]) {
  const all = [...WUERST, 'imagine', ...args];
  const { status, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8', cwd: ROOT });
  return { status, stderr };
}

test("mistakes in options are answered with the person's own command, corrected and quoted for a shell", () => {
  const cases: readonly (readonly [args: readonly string[], corrected: string])[] = [
    [['a panda', '--wdith', '1024', '-o', 'pandas'], "wuerst imagine 'a panda' --width 1024 --out pandas"],
    [["a panda's den", '--height', '99999', '-n', '2'], "wuerst imagine 'a panda'\\''s den' --height 4096 -n 2"],
    [['a panda', '--style', 'foo', '--negative', 'text, frame'], "wuerst imagine 'a panda' --negative 'text, frame'"],
    [['a panda', '--sampler', 'DPM++ 2M Karras', '--cfg_scale', '7'], "wuerst imagine 'a panda' --guidance 7"],
    [['--tile', 'a panda on green', '--seed', '5'], "wuerst imagine 'a panda on green' --seed 5"],
    [['a {red, blue} panda', '--v', '6', '--no', 'x, y'], "wuerst imagine 'a {red, blue} panda' --negative 'x, y'"],
    [['a', 'panda', '-w', '50'], "wuerst imagine 'a panda' --width 64"],
    [['a panda', '--seed'], "wuerst imagine 'a panda' --seed 7"],
    [['a panda', '--ouput', 'x', '--quite'], "wuerst imagine 'a panda' --out x --quiet"],
    [['a panda', '--format', 'jpge'], "wuerst imagine 'a panda' --format jpeg"],
  ];
  for (const [args, corrected] of cases) {
    const { status, stderr } = imagine(...args);
    assert.equal(status, 2, stderr);
    assert.ok(stderr.includes(`Try: ${corrected})\n`), `${args.join(' ')}: ${stderr}`);
  }
});

test('wrong values of options that are none of the grammar get the same answer, and variables are named', () => {
  const cases: readonly (readonly [args: readonly string[], corrected: string])[] = [
    [['a panda', '--provider', 'WebGpu', '-o', 'x'], "wuerst imagine 'a panda' --provider webgpu -o x"],
    [['a panda', '--residency=stages'], "wuerst imagine 'a panda' --residency=stage"],
    [['a panda', '--threads', '0.5'], "wuerst imagine 'a panda' --threads 1"],
    [['a panda', '--device', 'rtx'], "wuerst imagine 'a panda' --device 0"],
    [['a panda', '--precision'], "wuerst imagine 'a panda' --precision auto"],
    [['a panda', '--out'], "wuerst imagine 'a panda' --out out"],
    [['a panda', '--model', 'cocktial'], "wuerst imagine 'a panda' --model cocktail"],
    [['a panda', '--width', '768height:512'], "wuerst imagine 'a panda' --width 768 --height 512"],
  ];
  for (const [args, corrected] of cases) {
    const { status, stderr } = imagine(...args);
    assert.equal(status, 2, stderr);
    assert.ok(stderr.includes(`Try: ${corrected})\n`), `${args.join(' ')}: ${stderr}`);
  }
  const { stderr } = imagine('a panda', '--model', 'warp-ai/wuerstchen-prior');
  assert.match(stderr, /Run "wuerst models pull wuerstchen-v2"\. Then try: .* --model wuerstchen-v2\)/);
  const set = spawnSync(process.execPath, [...WUERST, 'imagine', 'a panda'], {
    encoding: 'utf8',
    env: { ...process.env, WUERST_PROVIDER: 'gpu', WUERST_THREADS: '' },
  });
  assert.match(
    set.stderr,
    /Expected WUERST_PROVIDER to be auto, cuda, webgpu or cpu, got "gpu"\. \(For example: WUERST_PROVIDER=cpu\)/,
  );
});
