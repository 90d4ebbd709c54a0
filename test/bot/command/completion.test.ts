import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { completions } from '../../../src/bot/command/completion.ts';
import { KEYS } from '../../../src/bot/command/keys.ts';
import { helpReply } from '../../../src/bot/replies/help-reply.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { parse } from './parsing.ts';

/** Settings that need a picture beside them. */
const START_KEYS = ['strength', 'picture-weights', 'transparent'];

describe('help', () => {
  it('shows every key with an example, in short lines', () => {
    const reply = helpReply(DEFAULT_LIMITS);
    assert.deepEqual(
      reply.fields.map(({ name }) => name.split(':')[0]),
      KEYS.map(({ name }) => name),
    );
    for (const line of [...reply.lines, ...reply.fields.map(({ value }) => value)]) assert.ok(line.length <= 120, line);
    assert.ok(reply.fields.length <= 25);
    assert.ok(reply.ephemeral);
  });

  it('shows commands that are accepted, those about pictures beside pictures', () => {
    const accepted = (text: string) => {
      const [first, second] = ['a'.repeat(64), 'b'.repeat(64)] as const;
      const pictures = { pictures: text.includes('picture-weights') ? [first, second] : [first] };
      const about = START_KEYS.some((name) => text.includes(`${name}:`)) ? { pictures } : {};
      return parse(text, about).kind === 'imagine';
    };
    for (const reply of [helpReply(DEFAULT_LIMITS), ...KEYS.map(({ name }) => helpReply(DEFAULT_LIMITS, name))]) {
      assert.ok(accepted(reply.code ?? ''));
    }
    for (const { name } of helpReply(DEFAULT_LIMITS).fields) assert.ok(accepted(`a fox ${name}`));
  });

  it('explains one setting with its limits', () => {
    assert.match(helpReply(DEFAULT_LIMITS, 'width').lines.join(' '), /from 64 to 4096/);
  });
});

describe('the table of keys', () => {
  it('fits the native options of a chat platform', () => {
    for (const key of KEYS) {
      assert.match(key.name, /^[a-z-]{1,32}$/);
      assert.ok(key.description.length <= 100, key.name);
      assert.equal(key.range !== undefined, key.type === 'integer' || key.type === 'number', key.name);
    }
    const names = KEYS.flatMap((key) => [key.name, ...key.aliases]);
    assert.equal(new Set(names).size, names.length);
  });
});

describe('completion', () => {
  const inserts = (text: string) => completions(text, DEFAULT_LIMITS).map(({ insert }) => insert);

  it('offers subcommands and settings for the word at the cursor', () => {
    assert.ok(inserts('').includes('help'));
    assert.deepEqual(inserts('/wuerst he'), ['help', 'height:']);
    assert.deepEqual(inserts('a fox he'), ['height:']);
    assert.deepEqual(inserts('a fox --st'), ['--style ', '--steps ', '--strength ']);
  });

  it('offers the values of a setting', () => {
    assert.deepEqual(inserts('a fox style:'), ['style:interpolated', 'style:base', 'style:aesthetic']);
    assert.deepEqual(inserts('a fox style:b'), ['style:base']);
    assert.deepEqual(inserts('a fox --style a'), ['aesthetic']);
    assert.deepEqual(inserts('a fox --ar=16'), ['--ar=16:9']);
  });

  it('leaves out settings that are given, and those that they exclude', () => {
    assert.deepEqual(
      inserts('a fox ar:2:3 n:2 ').filter((insert) => ['width:', 'size:', 'ar:', 'n:'].includes(insert)),
      [],
    );
  });

  it('is silent in plain words and in quotes', () => {
    assert.deepEqual(inserts('a fox'), []);
    assert.deepEqual(inserts('a "nice'), []);
    assert.deepEqual(inserts('a fox negative:"wid'), []);
  });

  it('says what it replaces, so that the result is accepted', () => {
    for (const text of ['a fox wi', 'a fox style:b', 'a fox --style a', 'a fox seed:', 'a fox n:']) {
      for (const { insert, from } of completions(text, DEFAULT_LIMITS)) {
        const completed = text.slice(0, from) + insert;
        assert.ok(parse(completed).kind === 'imagine' || completed.endsWith(':'), completed);
      }
    }
  });
});
