import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatRequest } from '../../../src/bot/command/format.ts';
import { imagine, refusal } from './parsing.ts';

describe('weighted words', () => {
  it('are kept as they are typed, in either prompt, and the request says so', () => {
    const { request, notes } = imagine('a (panda:1.3) on ([green] grass:0.8) negative:"(frame:1.4)"');
    assert.equal(request.prompt, 'a (panda:1.3) on ([green] grass:0.8)');
    assert.equal(request.negative, '(frame:1.4)');
    assert.equal(request.weighted, true);
    assert.deepEqual(notes, []);
    assert.equal(imagine('a panda negative:(thick frame:1.4) steps:9').request.negative, '(thick frame:1.4)');
    assert.equal(imagine('a panda --no (thick frame:1.4)').request.weighted, true);
  });

  it('with a number behind the colon are no setting, whatever the word', () => {
    for (const [text, meant] of [
      ['(a big step:1.2)', undefined],
      ['(seed:7)', 'seed:7'],
      ['(x n:4)', 'n:4'],
      ['a (red, width:0.5), b', undefined],
      ['(ra:1.3)', undefined],
      ['((steps: 20 ))', 'steps:20'],
      ['(style:2)', undefined],
    ] as const) {
      const { request, notes } = imagine(text);
      assert.equal(request.prompt, text);
      assert.equal(request.weighted, true);
      assert.deepEqual([request.n, request.steps, notes.length], [1, null, meant === undefined ? 0 : 1], text);
      if (meant === undefined) continue;
      assert.match(notes[0] ?? '', /^Read as a weight, since it is in brackets: /);
      assert.ok(notes[0]?.endsWith(`for a setting, write ${meant}.`), notes[0]);
    }
    // Without a bracket, or with a space behind the number's end, it is one.
    assert.equal(imagine('a panda steps:20 (red)').request.steps, 20);
    assert.equal(imagine('(a panda seed:7 here)').request.seed, 7n);
    assert.equal(refusal('a panda n:4)').error.code, 'bad_n');
  });

  it('are none where all brackets are protected or count 1, and the prompt is the words alone', () => {
    for (const [typed, prompt] of [
      ['a \\(big\\) panda', 'a (big) panda'],
      ['a panda :)', 'a panda :)'],
      ['a (panda:1.0)', 'a panda'],
      ['a [(panda)]', 'a panda'],
      ['a [panda|cat]', 'a [panda|cat]'],
    ] as const) {
      const { request } = imagine(typed);
      assert.equal(request.prompt, prompt);
      assert.equal(request.weighted, undefined);
    }
  });

  it('come back from the written command, and so do brackets of older requests as text', () => {
    const { request } = imagine('a (panda:1.3) \\[x\\] seed:3 negative:"\\(y\\)"');
    assert.deepEqual(imagine(formatRequest(request)).request, request);
    const older = { ...imagine('a panda seed:3').request, prompt: 'a (panda) [x]', negative: '(y) {a|b} __z__' };
    assert.deepEqual(imagine(formatRequest(older)).request, older);
  });

  it('say what other programs would read and this one does not', () => {
    const say = (text: string) => imagine(text).notes.join(' ');
    assert.match(say('a [panda|red cat] here'), /painted in turns here: "\[panda\|red cat\]"/);
    assert.match(say('a panda AND a cat'), /not joined here: "AND"/);
    assert.match(say('a panda BREAK a cat'), /not joined here: "BREAK"/);
    assert.match(say('a [panda:cat:0.5]'), /do not change between steps here/);
    assert.equal(say('CATS AND DOGS'), '');
  });
});
