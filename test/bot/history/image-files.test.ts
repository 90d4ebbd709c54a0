import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { ImageFiles, type WriteContent } from '../../../src/bot/history/image-files.ts';

function openFiles(t: TestContext, write?: WriteContent): ImageFiles {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-images-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return new ImageFiles(join(folder, 'images'), write === undefined ? {} : { write });
}

function namesIn(files: ImageFiles): readonly string[] {
  return readdirSync(files.folder, { recursive: true, encoding: 'utf8' }).sort();
}

async function hashesIn(files: ImageFiles): Promise<readonly string[]> {
  const hashes: string[] = [];
  for await (const hash of files.list()) hashes.push(hash);
  return hashes.sort();
}

test('any content is found again under its hash, byte for byte', async (t) => {
  const files = openFiles(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (content) => {
      const { hash, bytes } = await files.put(content);
      assert.equal(bytes, content.length);
      assert.deepEqual(new Uint8Array(readFileSync(files.path(hash))), content);
    }),
    { numRuns: 30 },
  );
});

test('the place of a file is its SHA-256, in a folder of the first two digits', async (t) => {
  const files = openFiles(t);
  const { hash } = await files.put(Buffer.from('abc'));
  assert.equal(hash, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.deepEqual(namesIn(files), ['ba', `ba/${hash}.png`]);
  assert.equal(files.path(hash), join(files.folder, 'ba', `${hash}.png`));
  assert.equal(statSync(files.path(hash)).mode & 0o077, 0);
});

test('equal content is stored once, also when written twice at the same time', async (t) => {
  let writes = 0;
  const files = openFiles(t, async (file, content) => {
    writes += 1;
    await file.writeFile(content);
  });
  await Promise.all([files.put(Buffer.from('abc')), files.put(Buffer.from('abc'))]);
  const before = writes;
  await files.put(Buffer.from('abc'));
  assert.equal(writes, before);
  assert.equal((await hashesIn(files)).length, 1);
  assert.equal(namesIn(files).length, 2);
});

for (const code of ['ENOSPC', 'EDQUOT']) {
  test(`${code} while writing leaves nothing behind and says what to do`, async (t) => {
    const files = openFiles(t, async (file, content) => {
      await file.writeFile(content.subarray(0, 1));
      throw Object.assign(new Error('write failed'), { code });
    });
    await assert.rejects(files.put(Buffer.from('abc')), {
      name: 'OperatorError',
      code: 'disk_full',
      message: /No space is left/,
      hint: /Free some space/,
    });
    assert.deepEqual(namesIn(files), ['ba']);
  });
}

test('a folder that cannot be written is the operator’s to mend', async (t) => {
  const files = openFiles(t);
  writeFileSync(files.folder, 'a file in its place');
  await assert.rejects(files.put(Buffer.from('abc')), { name: 'OperatorError', code: 'image_unwritable' });
  assert.deepEqual(await hashesIn(files), []);
});

test('only 64 hex digits name a file', async (t) => {
  const files = openFiles(t);
  const hash = 'a'.repeat(64);
  const tricks = [
    '',
    '../../etc/passwd',
    `${'a'.repeat(60)}/../`,
    `${hash}\0`,
    `${hash}\n`,
    hash.toUpperCase(),
    `${hash}a`,
  ];
  for (const trick of tricks) {
    assert.throws(() => files.path(trick), { name: 'OperatorError', code: 'image_hash' });
    assert.throws(() => files.has(trick), { code: 'image_hash' });
    assert.throws(() => files.remove(trick), { code: 'image_hash' });
  }
});

test('a file that is gone or cut short is lost, and is stored anew', async (t) => {
  const files = openFiles(t);
  const content = Buffer.from('abc');
  const { hash, bytes } = await files.put(content);
  assert.ok(files.has(hash, bytes));
  truncateSync(files.path(hash), 1);
  assert.ok(!files.has(hash, bytes));
  await files.put(content);
  assert.equal(readFileSync(files.path(hash), 'utf8'), 'abc');
  files.remove(hash);
  files.remove(hash);
  assert.ok(!files.has(hash));
  assert.equal(statSync(files.path(hash), { throwIfNoEntry: false }), undefined);
});

test('remains of interrupted writes are removed only when asked for, and foreign files never', async (t) => {
  const files = openFiles(t);
  const { hash } = await files.put(Buffer.from('abc'));
  const part = join(files.folder, 'ba', '.0123456789abcdef.part');
  writeFileSync(part, 'half');
  writeFileSync(join(files.folder, 'ba', `${'c'.repeat(64)}.png`), 'in a folder that is not its own');
  assert.deepEqual(await hashesIn(files), [hash]);
  assert.equal(statSync(part).size, 4);
  for await (const found of files.list({ removeParts: true })) assert.equal(found, hash);
  assert.equal(statSync(part, { throwIfNoEntry: false }), undefined);
  assert.equal(namesIn(files).length, 3);
});
