import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { imagine, LIMITS, parse, refusal } from './parsing.ts';

/** A mistake as it is typed, and as the correction has it; an empty one is taken out. */
const MISTAKES: readonly (readonly [typed: string, corrected: string])[] = [
  ['widht:512', 'width:512'],
  ['--heigth 768', '--height 768'],
  ['--v 6', ''],
  ['--stylize 100', ''],
  ['--sampler DPM++ 2M Karras', ''],
  ['--tile', ''],
  ['--denoising_strength=0.4', ''],
  ['width:99999', `width:${LIMITS.maxSide}`],
  ['n:99', `n:${LIMITS.maxImages}`],
  ['guidance:-3', 'guidance:0'],
  ['steps:0', 'steps:1'],
  ['style:photographic', ''],
  ['style:aestetic', 'style:aesthetic'],
  ['seed:-7', 'seed:random'],
  ['--steps 1e9', `--steps ${LIMITS.maxSteps}`],
  ['size:3072x3072', 'size:2048x2048'],
  ['ar:99:1', 'ar:15:1'],
  ['spoiler:maybe', 'spoiler:yes'],
];
const WORDS = [
  'a',
  'panda',
  'on',
  'green',
  'background,',
  'at',
  'night',
  'lion',
  'été',
  '狐',
  "cat's",
  '5"',
  'x-ray',
  '🦊',
];

const word = fc.constantFrom(...WORDS);
const group = fc
  .array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 3 })
  .map((alternatives) => `{${alternatives.map((words) => words.join(' ').replace(/,/g, '')).join(', ')}}`);
const prose = fc.array(fc.oneof({ weight: 5, arbitrary: word }, { weight: 1, arbitrary: group }), {
  minLength: 2,
  maxLength: 6,
});
const mistake = fc.constantFrom(...MISTAKES);

/** What is wanted of a command: every picture that it asks for, without the seeds. */
function wanted(text: string) {
  const parsed = parse(text);
  const requests = parsed.kind === 'permutations' ? parsed.requests : [imagine(text).request];
  return requests.map(({ prompt, ...rest }) => ({ ...rest, prompt: prompt.replace(/\s+/g, ' ') }));
}

function isLegal(text: string): boolean {
  try {
    return wanted(text).length > 0;
  } catch {
    return false;
  }
}

describe('the correction of a mistake', () => {
  it('keeps every word, also of braces, and means the same without the mistake', () => {
    fc.assert(
      fc.property(prose, fc.array(mistake, { minLength: 1, maxLength: 3 }), fc.nat(), (words, mistakes, where) => {
        const at = where % (words.length + 1);
        const behind = words.slice(at);
        const put = (side: 0 | 1) =>
          [...words.slice(0, at), ...mistakes.map((one) => one[side]), ...behind].filter((one) => one !== '').join(' ');
        fc.pre(isLegal(put(1)));
        assert.deepEqual(wanted(refusal(put(0)).corrected), wanted(put(1)), put(0));
      }),
      { numRuns: 600, seed: 20240229 },
    );
  });

  it('of settings that run into each other keeps both', () => {
    const cases: readonly (readonly [typed: string, corrected: string])[] = [
      ['a cat steps:20guidance:7n:2 at night', '/wuerst a cat steps:20 guidance:7 n:2 at night'],
      ['a cat size:512x768,seed:9', '/wuerst a cat size:512x768 seed:9'],
      ['a cat --ar 4:3--seed 9', '/wuerst a cat --ar 4:3 --seed 9'],
      ['a cat --h768--w512', '/wuerst a cat --h768 --w512'],
      ['a cat style:base—n 2', '/wuerst a cat style:base —n 2'],
      ['a cat height:9000cfg:3', '/wuerst a cat height:3072 cfg:3'],
    ];
    for (const [typed, corrected] of cases) assert.equal(refusal(typed).corrected, corrected);
    assert.equal(
      refusal('a cat', { options: { steps: '20', guidance: '7seed:5--n=2' } }).corrected,
      '/wuerst a cat n:2 seed:5 steps:20 guidance:7',
    );
  });

  it('of a flag that nobody knows takes its value out, where that can be told from the prompt', () => {
    const cases: readonly (readonly [typed: string, corrected: string])[] = [
      ['a cat --safety_checker off', '/wuerst a cat'],
      ['a cat --mood gloomy --seed 3', '/wuerst a cat --seed 3'],
      ['a cat --mood gloomy seed:3', '/wuerst a cat seed:3'],
      ['a cat --mood "rather gloomy" on a wall', '/wuerst a cat on a wall'],
      ['a cat --curve 0.5 1 2', '/wuerst a cat'],
      ['a cat --vae --seed 3', '/wuerst a cat --seed 3'],
      ['a cat --mood gloomy sky', '/wuerst a cat gloomy sky'],
      ['--mood cat', '/wuerst cat'],
      ['--seed 3 --mood cat', '/wuerst --seed 3 cat'],
    ];
    for (const [typed, corrected] of cases) assert.equal(refusal(typed).corrected, corrected);
  });

  it('keeps the shape of a size that is written in another way', () => {
    assert.equal(refusal('a cat size:640').corrected, '/wuerst a cat size:640x640');
    assert.equal(refusal('a cat size:640-512').corrected, '/wuerst a cat size:640x512');
    assert.equal(refusal('a cat ar:3-2').corrected, '/wuerst a cat ar:3:2');
    assert.equal(refusal('a cat ar:1:400').corrected, '/wuerst a cat ar:1:15');
    assert.equal(refusal('a cat ar:landscape').corrected, '/wuerst a cat ar:3:2');
    assert.equal(refusal('a cat height:1,536').corrected, '/wuerst a cat height:1536');
    assert.equal(refusal('a cat seed:0xff').corrected, '/wuerst a cat seed:255');
  });

  it('in one alternative leaves the others alone', () => {
    fc.assert(
      fc.property(word, word, mistake, fc.boolean(), (one, other, [typed, corrected], isFirst) => {
        const put = (setting: string) => {
          const alternatives = [`${one} ${setting}`.trim(), `${other} owl`].map((words) => words.replace(/,/g, ''));
          return `the {${(isFirst ? alternatives : alternatives.reverse()).join(', ')}} in snow seed:3`;
        };
        fc.pre(isLegal(put(corrected)));
        assert.deepEqual(wanted(refusal(put(typed)).corrected), wanted(put(corrected)));
      }),
      { numRuns: 300, seed: 20240229 },
    );
  });

  it('of a brace inside a setting, or of a setting around a brace, means each of its alternatives', () => {
    const cases: readonly (readonly [typed: string, corrected: string])[] = [
      ['a panda width:{5000,512}', '/wuerst a panda width:{3072,512}'],
      ['a panda wid{ht,th}:512', '/wuerst a panda width:512'],
      ['a panda --stylize {100, 200} at night', '/wuerst a panda at night'],
      ['a cat {width:512, height:512} width:700', '/wuerst a cat {width:512, height:512 width:700}'],
      ['a cat --stylize {100, 200 wearing a hat}', '/wuerst a {cat, cat wearing a hat}'],
      ['{a, b} panda style:photographic negative:"x, y"', '/wuerst {a, b} panda negative:"x, y"'],
      ['{history, queue} --v 6', '/wuerst {history, queue}'],
    ];
    for (const [typed, corrected] of cases) assert.equal(refusal(typed).corrected, corrected);
  });

  it('does not make a command of what was a prompt', () => {
    assert.equal(refusal('history --v 6').corrected, '/wuerst "history"');
  });

  it('keeps the text where native options are wrong, and names them all', () => {
    const mended = (text: string, options: Parameters<typeof parse>[1]) => refusal(text, options).corrected;
    assert.equal(mended('a panda', { options: { width: 99_999, seed: '7' } }), '/wuerst a panda width:3072 seed:7');
    assert.equal(
      mended('a panda', { options: { style: 'photographic', negative: 'a b' } }),
      '/wuerst a panda negative:"a b"',
    );
    assert.equal(mended('a {x, y}', { options: { size: '512x512', width: 512 } }), '/wuerst a {x, y} width:512');
    assert.equal(mended('a panda', { options: { width: 3072, height: 3072 } }), '/wuerst a panda size:2048x2048');
    assert.equal(mended('a panda height:3072', { options: { width: 3072 } }), '/wuerst a panda size:2048x2048');
    assert.equal(mended('', { options: { width: 512 } }), '/wuerst a red fox in the snow');
  });

  it('of a setting that an older request had is given behind the text', () => {
    const defaults = { width: 9000, height: 512 };
    assert.equal(refusal('a panda --no dog', { defaults }).corrected, '/wuerst a panda --no dog width:3072');
  });

  it('says nothing twice', () => {
    for (const typed of [
      'a panda width:9',
      'a panda size:9x9',
      'a panda seed:1 seed:2',
      'a panda n:0',
      '{a,b}'.repeat(7),
    ]) {
      const { message, hint = '' } = refusal(typed).error;
      const numbers = message.match(/\d{2,}/g) ?? [];
      const said = hint.slice(0, hint.indexOf('Try: '));
      for (const number of numbers) assert.ok(!said.includes(number), `${message} ${hint}`);
    }
  });

  it('of a prompt that is too long tells how much of it the model reads', () => {
    const limits = { ...LIMITS, promptTokens: 32 };
    assert.match(refusal('x '.repeat(2000), { limits }).error.hint ?? '', /^The model reads 32 tokens/);
    assert.doesNotMatch(refusal('x '.repeat(2000)).error.hint ?? '', /tokens/);
  });

  it('reads what several settings of other programs come to, numbers in words, and a value before the prompt', () => {
    const cases = [
      ['a panda --batch-count 3 --batch_size 2', '/wuerst a panda n:6'],
      ['a panda --n_iter 2 --steps 9 --n_samples 4', '/wuerst a panda n:8 --steps 9'],
      ['a panda --batch_size 5 --iterations 4', '/wuerst a panda n:10'],
      ['a panda n:3 --batch_size 2', '/wuerst a panda n:3'],
      ['a panda n:Three', '/wuerst a panda n:3'],
      ['a panda steps:forty', '/wuerst a panda steps:40'],
      ['a panda guidance:six seed:4', '/wuerst a panda guidance:6 seed:4'],
      ['--wobble gently the panda', '/wuerst the panda'],
      ['--wobble a gentle panda', '/wuerst a gentle panda'],
    ] as const;
    for (const [typed, corrected] of cases) assert.equal(refusal(typed).corrected, corrected);
    const { error } = refusal('--wobble red panda');
    assert.match(error.hint ?? '', /^If "red" is meant for "--wobble", leave it out, too\./);
    assert.doesNotMatch(refusal('a panda --wobble').error.hint ?? '', /leave it out/);
  });
});
