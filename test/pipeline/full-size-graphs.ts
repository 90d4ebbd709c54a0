import type { TestContext } from 'node:test';
import { PARTS, writeSparsePart } from '../../scripts/full-size/full-size-model.ts';
import { Component } from '../../src/pipeline/checkpoint/checkpoint.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A component of the published model at its full size: names and shapes, without numbers. */
export async function fullSizeComponent(t: TestContext, folder: string): Promise<Component> {
  const part = PARTS.find((one) => one.folder === folder);
  if (!part) throw new RangeError(`Expected a folder of the published model, got ${folder}.`);
  return Component.open(await writeSparsePart(await temporaryFolder(t), part));
}
