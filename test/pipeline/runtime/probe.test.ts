import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { decodeGraph, encodeGraph } from '../../../src/pipeline/graph/vqgan.ts';
import { driverIdentity } from '../../../src/pipeline/runtime/driver-identity.ts';
import { KeptReports } from '../../../src/pipeline/runtime/kept-reports.ts';
import { probe } from '../../../src/pipeline/runtime/probe.ts';
import { probeGraph } from '../../../src/pipeline/runtime/probe-graph.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');

test('the probe tries every kind of operator that a picture needs, with fused attention and without', async () => {
  const open = (...parts: string[]) => Component.open(join(COCKTAIL, ...parts));
  const [text, prior] = [await open('wuerstchen-prior/text_encoder'), await open('wuerstchen-prior/prior')];
  const [decoder, vqgan] = [await open('wuerstchen/decoder'), await open('wuerstchen/vqgan')];
  const tried = new Set(probeGraph('f32').ops);
  for (const fusedAttention of [true, false]) {
    const folds = { ...ALL_FOLDS, fusedAttention, wholeAttention: fusedAttention };
    const graphs = [
      clipTextGraph(text, folds),
      ...Object.values(priorGraphs(prior, folds)),
      ...Object.values(decoderGraphs(decoder, folds)),
      decodeGraph(vqgan, folds, { output: 'pixels' }),
      encodeGraph(vqgan, folds),
    ];
    const used = new Set(graphs.flatMap((graph) => graph?.ops ?? []));
    assert.deepEqual(
      [...used].filter((op) => !tried.has(op)),
      [],
    );
  }
});

test('the processor computes what it is expected to', async () => {
  assert.deepEqual(await probe('cpu'), { provider: 'cpu', works: true, fusedAttention: true, reason: 'works' });
});

test('what was found of a device is kept until its driver changes; what fails is tried again', async (t) => {
  const folder = await temporaryFolder(t);
  const reports = new KeptReports(folder);
  const works = { provider: 'webgpu', works: true, fusedAttention: false, reason: 'works' } as const;
  await reports.keep('this driver', works);
  await reports.keep('broken', { ...works, works: false });
  assert.deepEqual(await reports.find('this driver'), works);
  assert.equal(await reports.find('broken'), undefined);
  for (let i = 0; i < 30; i += 1) await reports.keep(`driver ${i}`, works);
  assert.equal(await reports.find('this driver'), undefined, 'the oldest is forgotten');
  await writeFile(join(folder, 'providers.json'), '{ "driver 29": { "works": "perhaps" } }');
  assert.equal(await reports.find('driver 29'), undefined, 'what cannot be read is as nothing');
});

test('another driver or another file of it is another identity', async (t) => {
  if (process.platform !== 'linux') return assert.equal(driverIdentity(), null);
  const folder = await temporaryFolder(t);
  const [manifest, library] = [join(folder, 'icd.json'), join(folder, 'driver.so')];
  await writeFile(manifest, JSON.stringify({ ICD: { library_path: library } }));
  await writeFile(library, 'one');
  const identity = () => driverIdentity({ VK_DRIVER_FILES: manifest });
  const before = identity();
  assert.equal(identity(), before);
  await writeFile(library, 'another');
  assert.notEqual(identity(), before);
  assert.notEqual(driverIdentity({ VK_DRIVER_FILES: '/nowhere.json' }), before);
});
