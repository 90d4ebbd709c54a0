import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { ImageStore, type WriteContent } from '../../../src/bot/history/image-store.ts';

function openStore(t: TestContext, write?: WriteContent): ImageStore {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-images-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return new ImageStore(join(folder, 'images'), write === undefined ? {} : { write });
}

function namesIn(store: ImageStore): readonly string[] {
  return readdirSync(store.folder, { recursive: true, encoding: 'utf8' }).sort();
}

async function hashesIn(store: ImageStore): Promise<readonly string[]> {
  const hashes: string[] = [];
  for await (const hash of store.list()) hashes.push(hash);
  return hashes.sort();
}

test('any content is found again under its hash, byte for byte', async (t) => {
  const store = openStore(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (content) => {
      const { hash, bytes } = await store.put(content);
      assert.equal(bytes, content.length);
      const file = await store.open(hash);
      assert.deepEqual(new Uint8Array((await file?.readFile()) ?? []), content);
      await file?.close();
    }),
    { numRuns: 30 },
  );
});

test('the place of a file is its SHA-256, in a folder of the first two digits', async (t) => {
  const store = openStore(t);
  const { hash } = await store.put(Buffer.from('abc'));
  assert.equal(hash, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.deepEqual(namesIn(store), ['ba', `ba/${hash}.png`]);
  assert.equal(store.path(hash), join(store.folder, 'ba', `${hash}.png`));
  assert.equal(statSync(store.path(hash)).mode & 0o077, 0);
});

test('equal content is stored once, also when written twice at the same time', async (t) => {
  let writes = 0;
  const store = openStore(t, async (file, content) => {
    writes += 1;
    await file.writeFile(content);
  });
  await Promise.all([store.put(Buffer.from('abc')), store.put(Buffer.from('abc'))]);
  const before = writes;
  await store.put(Buffer.from('abc'));
  assert.equal(writes, before);
  assert.equal((await hashesIn(store)).length, 1);
  assert.equal(namesIn(store).length, 2);
});

for (const code of ['ENOSPC', 'EDQUOT']) {
  test(`${code} while writing leaves nothing behind and says what to do`, async (t) => {
    const store = openStore(t, async (file, content) => {
      await file.writeFile(content.subarray(0, 1));
      throw Object.assign(new Error('write failed'), { code });
    });
    await assert.rejects(store.put(Buffer.from('abc')), {
      name: 'OperatorError',
      code: 'disk_full',
      message: /No space is left/,
      hint: /Free some space/,
    });
    assert.deepEqual(namesIn(store), ['ba']);
  });
}

test('a folder that cannot be written is the operator’s to mend', async (t) => {
  const store = openStore(t);
  writeFileSync(store.folder, 'a file in its place');
  await assert.rejects(store.put(Buffer.from('abc')), { name: 'OperatorError', code: 'image_unwritable' });
  assert.deepEqual(await hashesIn(store), []);
});

test('only 64 hex digits name a file', async (t) => {
  const store = openStore(t);
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
    assert.throws(() => store.path(trick), { name: 'OperatorError', code: 'image_hash' });
    assert.throws(() => store.has(trick), { code: 'image_hash' });
    assert.throws(() => store.remove(trick), { code: 'image_hash' });
    await assert.rejects(store.open(trick), { code: 'image_hash' });
  }
});

test('a file that is gone or cut short is lost, and is stored anew', async (t) => {
  const store = openStore(t);
  const content = Buffer.from('abc');
  const { hash, bytes } = await store.put(content);
  assert.ok(store.has(hash, bytes));
  truncateSync(store.path(hash), 1);
  assert.ok(!store.has(hash, bytes));
  await store.put(content);
  assert.equal(readFileSync(store.path(hash), 'utf8'), 'abc');
  store.remove(hash);
  store.remove(hash);
  assert.ok(!store.has(hash));
  assert.equal(await store.open(hash), null);
});

test('remains of interrupted writes are removed only when asked for, and foreign files never', async (t) => {
  const store = openStore(t);
  const { hash } = await store.put(Buffer.from('abc'));
  const part = join(store.folder, 'ba', '.0123456789abcdef.part');
  writeFileSync(part, 'half');
  writeFileSync(join(store.folder, 'ba', `${'c'.repeat(64)}.png`), 'in a folder that is not its own');
  assert.deepEqual(await hashesIn(store), [hash]);
  assert.equal(statSync(part).size, 4);
  for await (const found of store.list({ removeParts: true })) assert.equal(found, hash);
  assert.equal(statSync(part, { throwIfNoEntry: false }), undefined);
  assert.equal(namesIn(store).length, 3);
});
