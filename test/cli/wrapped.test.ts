import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrapped } from '../../src/cli/wrapped.ts';

const LINE = `  yes  cocktail: styles ${'interpolated, '.repeat(6)}base`;

test('in a terminal a long line is broken between words and goes on below its text', () => {
  const lines = wrapped(LINE, { isTTY: true, columns: 60 });
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= 60));
  assert.ok(lines.slice(1).every((line) => /^ {7}\S/.test(line)));
  assert.equal(lines.map((line) => line.trim()).join(' '), LINE.trim());
});

test('a word that is longer than a line stays whole', () => {
  const path = `/srv/${'x'.repeat(100)}`;
  assert.deepEqual(wrapped(`  no   ${path} is missing`, { isTTY: true, columns: 50 }), [
    `  no   ${path}`,
    '       is missing',
  ]);
});

test('a pipe, a file and a very narrow terminal get the line as it is', () => {
  for (const stream of [{}, { columns: 60 }, { isTTY: true }, { isTTY: true, columns: 20 }]) {
    assert.deepEqual(wrapped(LINE, stream), [LINE]);
  }
});
