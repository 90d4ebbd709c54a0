import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPrompt, formatRequest } from '../../../src/bot/command/format.ts';
import { randomSeed } from '../../../src/bot/command/parse.ts';
import { JOB_ID_LENGTH, randomId } from '../../../src/bot/history/id.ts';
import { confirmReply } from '../../../src/bot/replies/question-reply.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { imagine, parse, refusal } from './parsing.ts';

describe('a request', () => {
  it('has the documented defaults when only a prompt is given', () => {
    assert.deepEqual(imagine('/wuerst a fox').request, {
      prompt: 'a fox',
      negative: '',
      width: 1024,
      height: 1024,
      n: 1,
      style: 'interpolated',
      seed: 4242n,
      steps: null,
      decoderSteps: 12,
      guidance: 4,
      decoderGuidance: 0,
      spoiler: false,
    });
  });

  it('takes every key as key:value, anywhere in the text and in any case', () => {
    const { request, notes } = imagine(
      'Width:512 a red height:768 n:3 fox style:AESTHETIC seed:18446744073709551615 steps:30 decoder-steps:8 ' +
        'guidance:5.5 decoder_guidance:1 negative:"text, a frame" in the snow spoiler:yes',
    );
    assert.deepEqual(request, {
      prompt: 'a red fox in the snow',
      negative: 'text, a frame',
      width: 512,
      height: 768,
      n: 3,
      style: 'aesthetic',
      seed: 18446744073709551615n,
      steps: 30,
      decoderSteps: 8,
      guidance: 5.5,
      decoderGuidance: 1,
      spoiler: true,
    });
    assert.deepEqual(notes, []);
  });

  it('takes the spelling of other bots, where --no runs to the next setting', () => {
    const { request } = imagine('a fox --ar 2:3 --no text, a frame --seed 7 --n=2 --spoiler');
    assert.deepEqual(
      [request.prompt, request.width, request.height, request.negative, request.seed, request.n, request.spoiler],
      ['a fox', 768, 1152, 'text, a frame', 7n, 2, true],
    );
    assert.equal(imagine('a fox --no text seed:7').request.negative, 'text');
    const inQuotes = imagine('a fox --no "a b" in the snow').request;
    assert.deepEqual([inQuotes.prompt, inQuotes.negative], ['a fox in the snow', 'a b']);
  });

  it('takes the names that other programs have for the same', () => {
    const { request, notes } = imagine(
      'a fox --negative_prompt text, a frame --cfg_scale 7 --sampling_steps 20 --w 1024 --h 1536 --seed -1 --batch_size 2',
    );
    assert.deepEqual(
      [request.prompt, request.negative, request.guidance, request.steps, request.width, request.height, request.n],
      ['a fox', 'text, a frame', 7, 20, 1024, 1536, 2],
    );
    assert.deepEqual([request.seed, notes], [4242n, []]);
    assert.equal(imagine('a fox --scale 7.5').request.guidance, 7.5);
    assert.equal(imagine('a fox guidance_scale:3 numInferenceSteps:9').request.steps, 9);
    assert.equal(imagine('a fox --ar16:9 --seed7').request.width, 1408);
    assert.equal(imagine('scale:fish w:x ratio:gold').request.prompt, 'scale:fish w:x ratio:gold');
  });

  it('keeps what follows a comma in the negative prompt together, and says so', () => {
    const { request, notes } = imagine('a cat negative:dog, bird in a cage seed:3 by night');
    assert.deepEqual([request.prompt, request.negative, request.seed], ['a cat by night', 'dog, bird in a cage', 3n]);
    assert.match(notes.join(), /"dog, bird in a cage"/);
    assert.deepEqual(imagine('a cat negative:dog, seed:3').request.negative, 'dog');
    assert.deepEqual(imagine('a cat negative:"dog", bird').request.prompt, 'a cat bird');
  });

  it('reads words as a seed that is always the same, and says so', () => {
    const { request, notes } = imagine('a cat seed:banana');
    assert.ok(request.seed < 2n ** 32n);
    assert.match(notes.join(), new RegExp(`"banana" is read as the number ${request.seed}`));
    assert.equal(imagine('a cat --seed Banana').request.seed, request.seed);
    assert.equal(imagine('a cat', { options: { seed: 'banana' } }).request.seed, request.seed);
    assert.match(imagine('a cat', { options: { seed: 'banana' } }).notes.join(), /"banana"/);
    assert.notEqual(imagine('a cat seed:apple').request.seed, request.seed);
  });

  it('mentions what is no setting but looks like one, with the way to say it', () => {
    const say = (text: string) => imagine(`a fox ${text}`).notes.join();
    assert.match(say('seed=42'), /"seed=42"; for a setting, write seed:42\./);
    assert.match(say('16:9'), /write ar:16:9/);
    assert.match(say('1024x1536'), /write size:1024x1536/);
    assert.match(say('width 512'), /write width:512/);
    assert.match(say('width: 512'), /write width:512/);
    assert.match(say('-n 4'), /write n:4/);
    assert.match(say('and a hen--ar 2:3'), /"hen--ar", "2:3"; for a setting, write ar:2:3/);
    assert.match(say('and a hen--steps30'), /write steps:30/);
    assert.match(say('and a hen,seed:4 in snow'), /write seed:4/);
    assert.equal(say('and a well--height of luxury'), '');
    assert.match(say('sampler:Euler'), /no such setting: "sampler:Euler"/);
    for (const weight of ['fox:1.2)', 'fox::2']) assert.match(say(weight), /a weight looks like \(panda:1\.3\)/);
  });

  it('takes a name of two words, a blank behind a colon after dashes, and dashes that a phone made of one', () => {
    const { request } = imagine('a hen decoder steps:8 CFG scale:3 at night --steps: 9 -–seed 5');
    const { prompt, decoderSteps, guidance, steps, seed } = request;
    assert.deepEqual([prompt, decoderSteps, guidance, steps, seed], ['a hen at night', 8, 3, 9, 5n]);
    assert.equal(imagine('an image seed:4').request.prompt, 'an image');
    assert.equal(imagine('a batch size:512x512').request.prompt, 'a batch');
    assert.equal(refusal('a hen decoder steps:8 --tile').corrected, '/wuerst a hen decoder steps:8');
    assert.match(imagine('a hen seed :4').notes.join(), /write seed:4/);
  });

  it('reads sizes with x and ×, and picks a size on the grid for a ratio', () => {
    const sizeOf = (text: string) => {
      const { width, height } = imagine(`a fox ${text}`).request;
      return `${width}x${height}`;
    };
    assert.equal(sizeOf('size:1024x1536'), '1024x1536');
    assert.equal(sizeOf('size:1000×700'), '1000x700');
    assert.equal(sizeOf('width:512'), '512x1024');
    assert.equal(sizeOf('ar:1:1'), '1024x1024');
    assert.equal(sizeOf('ar:16:9'), '1408x768');
    assert.equal(sizeOf('ar:9:16'), '768x1408');
    assert.equal(sizeOf('ar:3/4'), '768x1024');
  });

  it('mixes styles by a number and writes it in its shortest form', () => {
    assert.equal(imagine('a fox style:.50').request.style, '0.5');
    assert.equal(refusal('a fox style:1.5').corrected, '/wuerst a fox style:1');
    assert.equal(
      refusal('a fox style:.5', { limits: { ...DEFAULT_LIMITS, mixesStyles: false } }).error.code,
      'bad_style',
    );
  });

  it('draws a 32-bit seed when none or a random one is asked for', () => {
    const draw = () => 2n ** 40n + 9n;
    assert.equal(imagine('a fox', { randomSeed: draw }).request.seed, 9n);
    assert.equal(imagine('a fox seed:random', { randomSeed: draw }).request.seed, 9n);
    const drawn = randomSeed();
    assert.ok(drawn >= 0n && drawn < 2n ** 32n);
  });

  it('reads curly quotes and long dashes as quotes and -- where they introduce a setting', () => {
    const { request } = imagine('a fox negative:“text, frame” —ar 2:3 –seed 7');
    assert.deepEqual(
      [request.prompt, request.negative, request.width, request.seed],
      ['a fox', 'text, frame', 768, 7n],
    );
  });

  it('leaves dashes, apostrophes, inch marks and lone quotes of prose alone', () => {
    const prose = `don't — the fox's 12" record -- a "good — one", fox—red —said he, 'tis ‘so’ --5 "open`;
    assert.equal(imagine(prose).request.prompt, prose);
  });

  it('keeps quotes inside a prompt, protects what they hold, and drops those around all of it', () => {
    const { request } = imagine('a sign "width:5 {a, b}" seed:3');
    assert.deepEqual([request.prompt, request.width], ['a sign "width:5 {a, b}"', 1024]);
    assert.equal(imagine('"a sign width:5" seed:3').request.prompt, 'a sign width:5');
  });

  it('reads a backslash as protection before special characters and as itself elsewhere', () => {
    assert.equal(imagine('width\\:5 \\--no \\{a, b} \\"x C:\\foo').request.prompt, 'width:5 --no {a, b} "x C:\\foo');
  });

  it('mentions words that resemble settings and were read as text', () => {
    const { request, notes } = imagine('poster:red fox width: 5 (seed:random) -n 4');
    assert.equal(request.prompt, 'poster:red fox width: 5 (seed:random) -n 4');
    assert.equal(notes.length, 3);
    for (const word of ['poster:red', 'width:', '(seed:random)', '-n']) {
      assert.ok(
        notes.some((note) => note.includes(`"${word}"`)),
        word,
      );
    }
  });

  it('takes short words, URLs, times and emoji shortcodes for text', () => {
    const prose =
      'a:b in:out art:deco on:fire at:10:30 10:30 http://x.org https://y.org/a:b :smile: seed:seedling: no: x:D';
    assert.equal(imagine(prose).request.prompt, prose);
  });

  it('strips control characters and keeps line breaks and right-to-left marks', () => {
    assert.equal(
      imagine('a\u0000 f\u0007ox\r\nin\tthe \u200fsnow\u200e\ud800').request.prompt,
      'a fox\nin the \u200fsnow\u200e\ufffd',
    );
  });

  it('forgives commas and full stops after numbers, quoted numbers, and full-width forms', () => {
    const { request } = imagine('a fox, width:512, height:"768", seed:７. n：2');
    assert.deepEqual(
      [request.prompt, request.width, request.height, request.seed, request.n],
      ['a fox,', 512, 768, 7n, 2],
    );
  });

  it('fits the default size into a guild that allows fewer pixels', () => {
    const { request } = imagine('a fox', { limits: { ...DEFAULT_LIMITS, maxPixels: 512 * 512 } });
    assert.deepEqual([request.width, request.height], [512, 512]);
  });
});

describe('a mistake', () => {
  const cases: readonly (readonly [typed: string, code: string, corrected: string])[] = [
    ['', 'prompt_missing', '/wuerst a red fox in the snow style:aesthetic'],
    [' \u200f\u0000 ', 'prompt_missing', '/wuerst a red fox in the snow style:aesthetic'],
    ['width:512', 'prompt_missing', '/wuerst a red fox in the snow width:512'],
    ['fox widht:512', 'unknown_setting', '/wuerst fox width:512'],
    ['fox step:9', 'unknown_setting', '/wuerst fox steps:9'],
    ['fox ra:2:3', 'unknown_setting', '/wuerst fox ar:2:3'],
    ['fox --v 6', 'unknown_setting', '/wuerst fox'],
    ['fox --sede 6', 'unknown_setting', '/wuerst fox --seed 6'],
    ['fox —widht 512', 'unknown_setting', '/wuerst fox —width 512'],
    ['fox --width', 'setting_without_value', '/wuerst fox --width 1024'],
    ['fox --width --seed 7', 'setting_without_value', '/wuerst fox --width 1024 --seed 7'],
    ['fox width:50', 'bad_width', '/wuerst fox width:128'],
    ['fox height:1e9', 'bad_height', '/wuerst fox height:3072'],
    ['fox width:-5', 'bad_width', '/wuerst fox width:128'],
    ['fox width:640.5', 'bad_width', '/wuerst fox width:641'],
    ['fox width:1024px', 'bad_width', '/wuerst fox width:1024'],
    ['fox width:""', 'bad_width', '/wuerst fox width:1024'],
    ['fox size:50x9000', 'bad_size', '/wuerst fox size:128x3072'],
    ['fox size:big', 'bad_size', '/wuerst fox size:1024x1024'],
    ['fox ar:99:1', 'bad_ar', '/wuerst fox ar:15:1'],
    ['fox ar:0:0', 'bad_ar', '/wuerst fox ar:2:3'],
    ['fox n:0', 'bad_n', '/wuerst fox n:1'],
    ['fox n:11', 'bad_n', '/wuerst fox n:10'],
    ['fox style:aestetic', 'bad_style', '/wuerst fox style:aesthetic'],
    ['fox seed:-2', 'bad_seed', '/wuerst fox seed:random'],
    ['fox seed:1.5', 'bad_seed', '/wuerst fox seed:1'],
    ['fox seed:18446744073709551616', 'bad_seed', '/wuerst fox seed:1844674407370955161'],
    ['fox steps:0', 'bad_steps', '/wuerst fox steps:1'],
    ['fox guidance:NaN', 'bad_guidance', '/wuerst fox guidance:4'],
    ['fox guidance:Infinity', 'bad_guidance', '/wuerst fox guidance:4'],
    ['fox guidance:-0.1', 'bad_guidance', '/wuerst fox guidance:0'],
    ['fox decoder-guidance:21', 'bad_decoder_guidance', '/wuerst fox decoder-guidance:20'],
    ['fox spoiler:maybe', 'bad_spoiler', '/wuerst fox spoiler:yes'],
    ['fox seed:1 seed:1', 'setting_given_twice', '/wuerst fox seed:1'],
    ['fox --no a negative:b', 'setting_given_twice', '/wuerst fox --no a'],
    ['fox size:512x512 width:512', 'settings_conflict', '/wuerst fox size:512x512'],
    ['fox ar:2:3 height:512', 'settings_conflict', '/wuerst fox ar:2:3'],
    ['fox size:3072x3072 seed:7', 'too_many_pixels', '/wuerst fox size:2048x2048 seed:7'],
    ['fox width:3072 height:3072', 'too_many_pixels', '/wuerst fox size:2048x2048'],
    ['fox negative:"a b seed:7', 'unclosed_quote', '/wuerst fox negative:"a b" seed:7'],
    ['fox widht:50 n:99', 'unknown_setting', '/wuerst fox width:128 n:10'],
    ['fox width:{512,50}', 'bad_width', '/wuerst fox width:{512,128}'],
    ['fox --stylize 1000 in snow', 'unknown_setting', '/wuerst fox in snow'],
    ['fox stylize:1000', 'unknown_setting', '/wuerst fox'],
    ['fox --v 6.1 --s 250 --style raw --ar 2:3 --q=2', 'unknown_setting', '/wuerst fox --ar 2:3'],
    ['fox --niji5 --chaos 10', 'unknown_setting', '/wuerst fox'],
    ['fox --stop 80', 'unknown_setting', '/wuerst fox'],
    ['fox --tile in snow', 'unknown_setting', '/wuerst fox in snow'],
    ['fox --sref https://x.org/a https://x.org/b red', 'unknown_setting', '/wuerst fox red'],
    ['fox --sampler DPM++ 2M Karras --clip_skip 2', 'unknown_setting', '/wuerst fox'],
    ['fox --sampler_name Euler a', 'unknown_setting', '/wuerst fox'],
    ['fox --sampler Euler a red dress', 'unknown_setting', '/wuerst fox a red dress'],
    ['fox --hr-scale=2 --denoising_strength 0.4', 'unknown_setting', '/wuerst fox'],
    ['fox —chaos 50 —said he', 'unknown_setting', '/wuerst fox —said he'],
    ['fox tile:yes', 'unknown_setting', '/wuerst fox'],
    ['fox stop:motion', 'unknown_setting', '/wuerst fox stop\\:motion'],
    ['fox --prompt hen', 'unknown_setting', '/wuerst fox hen'],
    ['fox --frobnicate hen 3', 'unknown_setting', '/wuerst fox hen 3'],
    ['fox style:photographic', 'bad_style', '/wuerst fox'],
    ['fox {1,2}{1,2}{1,2}{1,2}{1,2}{1,2}', 'too_many_permutations', '/wuerst a {red, grey} fox in the snow'],
  ];
  for (const [typed, code, example] of cases) {
    it(`is answered with a corrected command: ${JSON.stringify(typed)}`, () => {
      const { error, corrected } = refusal(typed);
      assert.deepEqual([error.code, corrected], [code, example]);
    });
  }

  it('is told with what was expected, what came and what is allowed', () => {
    const { error } = refusal('fox width:50');
    assert.match(error.message, /whole number from 128 to 3072, got "50"/);
    assert.equal(error.hint, 'Try: /wuerst fox width:128');
    assert.match(refusal('{1,2}{1,2}{1,2}{1,2}{1,2}{1,2}').error.message, /at most 40 requests, got 64/);
    assert.match(refusal('fox widht:5').error.message, /did you mean "width"/);
  });

  it('of length is told with the limit and the length, for prompts, negative prompts and floods', () => {
    assert.match(refusal('x'.repeat(10_000)).error.message, /at most 2000 characters, got 10000/);
    assert.match(refusal('x'.repeat(10_000_000)).error.message, /got 10000000/);
    assert.equal(refusal(`fox negative:${'x'.repeat(2001)}`).error.code, 'bad_negative');
    assert.equal(imagine('😀'.repeat(2000)).request.prompt.length, 4000);
  });

  it('does not repeat a long value', () => {
    assert.ok(refusal(`fox width:${'9'.repeat(5000)}`).error.message.length < 200);
  });
});

describe('native options', () => {
  it('are taken with the text', () => {
    const { request } = imagine('a fox seed:7', {
      options: { width: 512, negative: 'text', spoiler: true },
    });
    assert.deepEqual([request.width, request.seed, request.negative, request.spoiler], [512, 7n, 'text', true]);
  });

  it('clash with the same key in the text, naming both places', () => {
    const { error, corrected } = refusal('a fox width:768 in snow', { options: { width: 512 } });
    assert.equal(error.code, 'setting_given_twice');
    assert.match(error.message, /width once, got it both as an option and in the text/);
    assert.equal(corrected, '/wuerst a fox in snow');
    assert.match(refusal('a fox ar:2:3', { options: { height: 512 } }).error.message, /height .* \(ar\)/);
  });

  it('make a prompt of what would be a subcommand', () => {
    assert.equal(imagine('history', { options: { width: 512 } }).request.prompt, 'history');
  });

  it('are held to the same limits', () => {
    assert.equal(refusal('a fox', { options: { width: 1.5 } }).error.code, 'bad_width');
    assert.equal(refusal('a fox', { options: { guidance: Number.NaN } }).error.code, 'bad_guidance');
    assert.equal(refusal('a fox', { options: { width: 3072, height: 3072 } }).error.code, 'too_many_pixels');
  });

  it('are read by key name, where a surface offers size, ratio and seed', () => {
    const { width, height, n, seed, spoiler } = imagine('a fox', {
      options: { ar: '2:3', seed: '7', n: 2, spoiler: true },
    }).request;
    assert.deepEqual({ width, height, n, seed, spoiler }, { width: 768, height: 1152, n: 2, seed: 7n, spoiler: true });
    assert.equal(refusal('a fox', { options: { size: '512x512', width: 512 } }).error.code, 'settings_conflict');
  });
});

describe('settings of an older request', () => {
  const limits = { ...DEFAULT_LIMITS, maxSide: 1024 };
  const defaults = { width: 2048, height: 512, steps: null, guidance: 7, seed: 9n };

  it('hold where nothing is given, and make a prompt of what would be a subcommand', () => {
    const { prompt, width, height, guidance, seed } = imagine('history seed:3', { defaults }).request;
    assert.deepEqual([prompt, width, height, guidance, seed], ['history', 2048, 512, 7, 3n]);
    assert.equal(imagine('history', { defaults }).request.prompt, 'history');
  });

  it('are held to the limits of today, but for those that are given anew', () => {
    assert.equal(refusal('a fox', { limits, defaults }).error.code, 'bad_width');
    assert.equal(imagine('a fox ar:1:1', { limits, defaults }).request.width, 1024);
  });
});

describe('permutations', () => {
  const promptsOf = (text: string) => {
    const parsed = parse(text);
    assert.ok(parsed.kind === 'permutations', parsed.kind);
    return parsed.requests.map(({ prompt, seed }) => `${prompt} ${seed}`);
  };

  it('multiply, in reading order, in prompt and settings alike', () => {
    assert.deepEqual(promptsOf('a {red, grey} fox seed:{1, 2}'), [
      'a red fox 1',
      'a red fox 2',
      'a grey fox 1',
      'a grey fox 2',
    ]);
  });

  it('nest', () => {
    assert.deepEqual(promptsOf('{a, {b, c} d, {e}} seed:1'), ['a 1', 'b d 1', 'c d 1', '{e} 1']);
  });

  it('are asked about with the number of requests and pictures', () => {
    const parsed = parse('a {red, grey, blue} fox n:4');
    assert.ok(parsed.kind === 'permutations');
    assert.equal(
      confirmReply({ id: 'id', requests: parsed.requests, notes: [] }).title,
      'Make 3 requests, 12 pictures in all?',
    );
  });

  it('each draw a seed of their own', () => {
    let next = 0n;
    const parsed = parse('{a, b}', { randomSeed: () => next++ });
    assert.ok(parsed.kind === 'permutations');
    assert.deepEqual(
      parsed.requests.map(({ seed }) => seed),
      [0n, 1n],
    );
  });

  it('are not made of other braces', () => {
    const prose = '{} {a} {a,} {, b} }{ {{a} "{a, b}" {"a, b"} {';
    assert.equal(imagine(prose).request.prompt, prose);
    assert.equal(imagine('\\{a, b}').request.prompt, '{a, b}');
    assert.deepEqual(promptsOf('{a\\, b, c} seed:1'), ['a, b 1', 'c 1']);
  });

  it('are counted without being expanded', () => {
    assert.match(refusal('{a,b}'.repeat(2000)).error.message, /got more than a million/);
    assert.match(refusal(`${'{a,'.repeat(100)}z${'}'.repeat(100)}`).error.message, /got 101\./);
    assert.match(refusal('{a,{b,c}{d,e},f,{g,h}}'.repeat(2)).error.message, /got 64\./);
  });
});

describe('a subcommand', () => {
  it('is recognised by the form of the whole text', () => {
    assert.deepEqual(parse('/wuerst Help'), { kind: 'help', topic: null });
    assert.deepEqual(parse('--help'), { kind: 'help', topic: null });
    assert.deepEqual(parse('help seed'), { kind: 'help', topic: 'seed' });
    assert.deepEqual(parse('show 12ab'), { kind: 'show', id: '12ab' });
    assert.deepEqual(parse('Show #12AB'), { kind: 'show', id: '12ab' });
    assert.deepEqual(parse('history'), { kind: 'history' });
    assert.deepEqual(parse('queue'), { kind: 'queue' });
    assert.deepEqual(parse('cancel'), { kind: 'cancel', id: null });
    assert.deepEqual(parse('cancel ab12cd'), { kind: 'cancel', id: 'ab12cd' });
    assert.deepEqual(parse('export'), { kind: 'export' });
    assert.deepEqual(parse('erase'), { kind: 'erase', confirmed: false });
    assert.deepEqual(parse('erase confirm'), { kind: 'erase', confirmed: true });
    assert.deepEqual(parse('confirm'), { kind: 'confirm', id: null });
  });

  it('is a prompt in any other form', () => {
    for (const prompt of [
      'help me escape',
      'show wolves',
      'show',
      'cancel culture',
      'queue of ducks',
      'erase the fox',
      'show 1 fox',
    ]) {
      assert.equal(imagine(prompt).request.prompt, prompt);
    }
    assert.equal(imagine('"help"').request.prompt, 'help');
    assert.equal(imagine('help seed:3').request.prompt, 'help');
  });

  it('is asked about where it is nearly one, and never where a picture is wanted', () => {
    const options = { guildSettings: ['nsfw'] };
    const doubts: readonly (readonly [typed: string, meant: readonly string[]])[] = [
      ['show nope', ['show <id>']],
      ['show', ['show <id>']],
      ['shwo ab12cd', ['show <id>']],
      ['settings nonsense 3', ['settings [key value]']],
      ['setings', ['settings [key value]']],
      ['histroy', ['history']],
      ['queue now', ['queue']],
      ['help colour', ['help']],
      ['cancle ab12cd', ['cancel [id]']],
      ['/wuerst-show ab12cd', ['show <id>']],
      ['/history', ['history']],
      ['helpp seed', ['help']],
      ['shoow k3v9x2m7qp', ['show <id>']],
      ['delete k3v9x2m7qp', []],
      ['verfiy', []],
      ['models', []],
      ['Status', []],
      ['/upscale', []],
    ];
    for (const [typed, meant] of doubts) assert.deepEqual(imagine(typed, options).doubt, meant, typed);
    for (const prompt of [
      ...[
        'snow',
        'snow leopard',
        'queen',
        'camel',
        'elsewhere',
        'statue',
        'kelp forest',
        'delete me',
        'doctor who',
        'help me escape',
        'settings of gold and ruby',
      ],
      ...['"show"', 'show seed:3', 'models --ar 2:3', 'a fox', '狐', 'expert mode', '/imagine prompt: a fox'],
    ]) {
      assert.equal(imagine(prompt, options).doubt, undefined, prompt);
    }
    assert.equal(imagine('models', { options: { n: 2 } }).doubt, undefined);
    assert.equal(imagine(formatPrompt('models')).doubt, undefined);
    assert.match(imagine('/imagine prompt: a fox').notes.join(), /"\/imagine", "prompt:"/);
  });

  it('reads every id that is given out as an id', () => {
    for (let k = 0; k < 2000; k++) {
      const id = randomId(JOB_ID_LENGTH);
      assert.deepEqual(parse(`show ${id}`), { kind: 'show', id });
    }
  });

  it('reads and changes guild settings by their names', () => {
    const options = { guildSettings: ['nsfw', 'blockedWords', 'max-images'] };
    assert.deepEqual(parse('settings', options), { kind: 'settings', key: null, changes: [] });
    assert.deepEqual(parse('settings NSFW', options), { kind: 'settings', key: 'nsfw', changes: [] });
    assert.deepEqual(parse('settings blockedwords a, b c', options), {
      kind: 'settings',
      key: null,
      changes: [{ key: 'blockedWords', value: 'a, b c' }],
    });
    assert.deepEqual(parse('settings nsfw:off max_images:4', options), {
      kind: 'settings',
      key: null,
      changes: [
        { key: 'nsfw', value: 'off' },
        { key: 'max-images', value: '4' },
      ],
    });
    assert.equal(refusal('settings nswf off', options).error.code, 'unknown_guild_setting');
    assert.equal(refusal('settings nsfw:off colour:red', options).error.code, 'unknown_guild_setting');
    assert.equal(imagine('settings of gold and ruby', options).request.prompt, 'settings of gold and ruby');
  });
});

describe('formatting', () => {
  it('writes a plain prompt as a person would', () => {
    assert.equal(
      formatRequest(imagine("a red fox, it's snowing seed:7 ar:2:3").request),
      "a red fox, it's snowing width:768 height:1152 n:1 style:interpolated seed:7 decoder-steps:12 guidance:4 decoder-guidance:0",
    );
  });
});
