import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imagine, refusal } from './parsing.ts';

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
const given = (...pictures: string[]) => ({ pictures: { pictures } });

describe('a picture to start from', () => {
  it('has a strength of 0.6 unless one is given', () => {
    const { request } = imagine('a panda', given(A));
    assert.deepEqual(request.start, { pictures: [{ hash: A, weight: 1 }], strength: 0.6 });
    assert.equal(imagine('a panda strength:0.25', given(A)).request.start?.strength, 0.25);
    assert.equal(imagine('a panda --denoise 1', given(A)).request.start?.strength, 1);
    assert.equal(imagine('a panda', { ...given(A), options: { strength: 0 } }).request.start?.strength, 0);
  });

  it('needs no words', () => {
    assert.equal(imagine('', given(A)).request.prompt, '');
    assert.equal(imagine('strength:0.3', given(A)).request.start?.strength, 0.3);
    assert.equal(refusal('').error.code, 'prompt_missing');
  });

  it('makes a prompt of what would be a subcommand', () => {
    assert.equal(imagine('history', given(A)).request.prompt, 'history');
  });

  it('is blended with others by weight', () => {
    const { request } = imagine('picture-weights:3,1,0.5', given(A, B, C));
    assert.deepEqual(request.start?.pictures, [
      { hash: A, weight: 3 },
      { hash: B, weight: 1 },
      { hash: C, weight: 0.5 },
    ]);
    assert.equal(refusal('a panda picture-weights:3,1', given(A, B, C)).error.code, 'pictures_misfit');
    assert.equal(refusal('a panda picture-weights:0,1', given(A, B)).error.code, 'bad_picture_weights');
    assert.throws(() => imagine('a panda', given(A, B, C, A)), { name: 'UserError', code: 'pictures_misfit' });
  });

  it('is painted anew in part, by a mask or where it is transparent', () => {
    assert.equal(imagine('a panda', { pictures: { pictures: [A], mask: B } }).request.start?.mask, B);
    assert.equal(imagine('a panda transparent:yes', given(A)).request.start?.mask, A);
    assert.ok(!('mask' in (imagine('a panda transparent:no', given(A)).request.start ?? {})));
    const both = refusal('a panda transparent:yes', { pictures: { pictures: [A], mask: B } });
    assert.equal(both.error.code, 'pictures_misfit');
    const two = { pictures: { pictures: [A, C], mask: B } };
    assert.throws(() => imagine('a panda', two), { name: 'UserError', code: 'pictures_misfit' });
  });

  it('is missed where only its settings are there', () => {
    for (const setting of ['strength:0.5', 'picture-weights:1,2', 'transparent:yes']) {
      const { error, corrected } = refusal(`a panda ${setting}`);
      assert.equal(error.code, 'picture_missing');
      assert.ok(!corrected.includes(setting), corrected);
    }
    assert.equal(refusal('a panda strength:1.5', given(A)).error.code, 'bad_strength');
  });

  it('stays with a remix, and so do its settings unless others are typed', () => {
    const start = { pictures: [{ hash: A, weight: 2 }], strength: 0.2, mask: B };
    assert.deepEqual(imagine('a panda', { defaults: { start } }).request.start, start);
    assert.deepEqual(imagine('a panda strength:0.9', { defaults: { start } }).request.start, {
      ...start,
      strength: 0.9,
    });
  });
});
