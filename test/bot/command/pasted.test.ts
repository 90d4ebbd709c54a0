import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ImagineRequest, Job } from '../../../src/bot/job.ts';
import { infoReply } from '../../../src/bot/replies/info-reply.ts';
import { metadataOf } from '../../../src/pipeline/images/parameters.ts';
import { inLanguage, LANGUAGES } from '../../../src/texts/language.ts';
import { newJob } from '../history/history-fixture.ts';
import { imagine, LIMITS, parse, refusal } from './parsing.ts';

const A1111 = [
  'a lion, best quality',
  'Negative prompt: blurry, text',
  'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 123, Size: 512x768, Model hash: 6ce0161689, Model: dream, Version: v1.9.3',
] as const;

/** What was read, without defaults. */
function read(text: string) {
  const { request, notes } = imagine(text, { limits: { ...LIMITS, defaultWidth: 1024 } });
  const { prompt, negative, seed, steps, width, height, guidance, style } = request;
  return { prompt, negative, seed, steps, size: `${width}x${height}`, guidance, style, notes };
}

const LION = {
  prompt: 'a lion, best quality',
  negative: 'blurry, text',
  seed: 123n,
  steps: 20,
  size: '512x768',
  guidance: 7,
};

describe("the parameters that A1111's web UI writes", () => {
  it('are a request, and what means nothing here is told in one note', () => {
    for (const text of [A1111.join('\n'), A1111.join(' '), `/wuerst ${A1111.join('\r\n')}`]) {
      const { notes, style: _style, ...found } = read(text);
      assert.deepEqual(found, LION, text);
      assert.deepEqual(notes, [
        'Left out of what was pasted, since it means nothing here: Sampler, Model hash, Model and Version.',
      ]);
    }
  });

  it('are read with any of their parts, in any order, each also on a line of its own', () => {
    const parts = ['Steps: 20', 'Sampler: DPM++ 2M Karras', 'CFG scale: 7', 'Seed: 123', 'Size: 512x768'];
    const subset = fc.shuffledSubarray(parts, { minLength: 1 });
    fc.assert(
      fc.property(subset, fc.boolean(), fc.constantFrom(', ', '\n'), (some, hasNegative, between) => {
        const {
          notes,
          style: _style,
          ...found
        } = read(['a lion', ...(hasNegative ? ['Negative prompt: blurry'] : []), some.join(between)].join('\n'));
        assert.deepEqual(found, {
          prompt: 'a lion',
          negative: hasNegative ? 'blurry' : '',
          seed: some.includes('Seed: 123') ? 123n : 4242n,
          steps: some.includes('Steps: 20') ? 20 : null,
          size: some.includes('Size: 512x768') ? '512x768' : '1024x1024',
          guidance: some.includes('CFG scale: 7') ? 7 : 4,
        });
        assert.equal(notes.length, some.some((part) => part.startsWith('Sampler')) ? 1 : 0, String(notes));
      }),
      { numRuns: 200, seed: 20240229 },
    );
  });

  it('keep what the prompt has of braces, quotes, settings and weights', () => {
    const prompt = 'a {red, blue} (lion:1.3), "size:9", --ar 2:3';
    const { notes, ...found } = read(`${prompt}\nSteps: 20, Seed: 3, Lora hashes: "a: b, c: d"`);
    assert.deepEqual([found.prompt, found.seed], [prompt, 3n]);
    assert.equal(imagine(`${prompt}\nSteps: 20, Seed: 3`).request.weighted, true);
    assert.ok(
      notes.some((note) => /pasted prompt: "--ar"/.test(note)),
      String(notes),
    );
  });

  it('take settings that are typed behind them', () => {
    assert.equal(read('a lion\nSteps: 20, Seed: 3, Model: x --ar 2:3').size, '768x1152');
    assert.equal(read('a lion\nNegative prompt: dog seed:9').seed, 9n);
  });

  it('may stand before the prompt, or have its name', () => {
    assert.deepEqual(
      [read('Seed: 9, Steps: 12\na lion').prompt, read('Seed: 9, Steps: 12\na lion').seed],
      ['a lion', 9n],
    );
    assert.equal(read('Prompt: a lion\nNegative Prompt: x\nSeed: 5').prompt, 'a lion');
  });

  it('are corrected like any command', () => {
    const { error, corrected } = refusal('a lion\nNegative prompt: x, y\nSteps: 20, Size: 9000x9000, Seed: 4');
    assert.deepEqual(
      [error.code, corrected],
      ['bad_size', '/wuerst a lion negative:"x, y" steps:20 size:2048x2048 seed:4'],
    );
  });

  it('are not seen in prose, nor in quotes', () => {
    for (const text of [
      'a poster\nStyle: art deco, Size: huge',
      'a sign that says Width: 10, Height: 20',
      'a lion Seed: 7',
      'Chapter one: the lion, Chapter two: the owl',
      'a sign "Steps: 20, Seed: 3, Size: 512x768"',
      'a book "Negative prompt: dog"',
      'Model: a tall woman',
    ]) {
      assert.equal(imagine(text).request.prompt, text);
    }
  });
});

const word = fc.constantFrom(
  ...[
    'a',
    'lion',
    'on',
    'green,',
    'width:512',
    '(owl:1.2)',
    '{a, b}',
    '"quoted words"',
    '"open',
    "it's",
    '--seed',
    '狐',
    '\n',
  ],
);
const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((some) => `the ${some.join(' ')} end`);
const request: fc.Arbitrary<ImagineRequest> = fc.record(
  {
    prompt: words,
    negative: fc.oneof(fc.constant(''), words),
    width: fc.integer({ min: 128, max: 2048 }),
    height: fc.integer({ min: 128, max: 2048 }),
    n: fc.constant(1),
    style: fc.constantFrom('interpolated', 'base', 'aesthetic', '0.25'),
    seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    steps: fc.constantFrom(null, 1, 12, 200, [1, 0.6, 0.3, 0]),
    decoderSteps: fc.integer({ min: 1, max: 200 }),
    guidance: fc.double({ min: 0, max: 20, noNaN: true }).map((value) => value + 0),
    decoderGuidance: fc.double({ min: 0, max: 20, noNaN: true }).map((value) => value + 0),
    spoiler: fc.constant(false),
  },
  { noNullPrototype: true },
);

describe("this program's own texts", () => {
  it('are the request that the picture was made of: the parameters in its file', () => {
    fc.assert(
      fc.property(request, (one) => {
        const { n: _n, spoiler: _spoiler, ...settings } = one;
        const made = {
          ...settings,
          model: 'cocktail',
          checkpoint: 'ab12'.repeat(16),
          provider: 'cpu-fp32',
          version: '1.0.0',
        };
        const { parameters = '' } = metadataOf(made);
        assert.deepEqual(imagine(parameters).request, one, parameters);
      }),
      { numRuns: 500, seed: 20240229 },
    );
  });

  it('are the command for a terminal, with the quotes of a shell', () => {
    const { request: one } = imagine(`wuerst imagine 'a lion'\\''s den' --seed 7 --no "x, y" -n 2`);
    assert.deepEqual([one.prompt, one.seed, one.negative, one.n], ["a lion's den", 7n, 'x, y', 2]);
    const printed = "a lion\nSteps: 12, Seed: 7\n\nTo make it again:\n  wuerst imagine 'a lion' --seed 7 --steps 12";
    assert.deepEqual([imagine(printed).request.prompt, imagine(printed).request.steps], ['a lion', 12]);
  });

  const madeJob = (): Job => ({
    ...newJob({ request: imagine('a lion negative:"text, frame" seed:7 size:512x768 style:base steps:9').request }),
    ...{ id: 'k3v9', state: 'done', images: [], error: null, createdAt: 0, startedAt: 0, finishedAt: 0 },
  });

  it('are the answer to Info, however it is copied', () => {
    const job = madeJob();
    const { title, fields, code } = infoReply(job, null, null, LIMITS);
    const pairs = (between: string) => fields.map(({ name, value }) => `${name}${between}${value}`);
    for (const text of [
      [title, ...pairs('\n'), code].join('\n'),
      [title, ...pairs('\n')].join('\n'),
      [title, ...pairs(': ')].join('\n'),
      [title, ...pairs(' '), code].join(' '),
    ]) {
      assert.deepEqual(imagine(text).request, job.request, text);
    }
    for (const language of LANGUAGES) {
      const info = inLanguage(language, () => infoReply(job, null, null, LIMITS));
      const named = info.fields.map(({ name, value }) => `${name} ${value}`);
      assert.deepEqual(imagine([info.title, ...named, info.code].join('\n')).request, job.request, language);
    }
  });

  for (const language of LANGUAGES) {
    it(`are the answer to Info in ${language}, with its command`, () => {
      const job = madeJob();
      const { title, fields, code } = inLanguage(language, () => infoReply(job, null, null, LIMITS));
      for (const between of ['\n', ' ']) {
        const text = [title, ...fields.flatMap(({ name, value }) => [name, value]), code].join(between);
        assert.deepEqual(imagine(text).request, job.request, text);
      }
    });
  }

  it('end where another command begins', () => {
    assert.equal(parse('help').kind, 'help');
    assert.equal(imagine('how to use /wuerst well').request.prompt, 'how to use /wuerst well');
  });
});
