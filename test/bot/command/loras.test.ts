import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { completions } from '../../../src/bot/command/completion.ts';
import { formatRequest } from '../../../src/bot/command/format.ts';
import { parseCommand } from '../../../src/bot/command/parse.ts';
import { NO_SOURCES } from '../../../src/bot/command/prompt-sources.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { UserError } from '../../../src/system/errors.ts';

const loras = ['sketch', 'Ink', 'old film', 'v2.1_x', 'ink, red'].map((name, i) => ({
  name,
  hash: String(i).repeat(64),
}));
const limits = { ...DEFAULT_LIMITS, loras };

function read(text: string, options = {}) {
  const parsed = parseCommand(text, { limits, randomSeed: () => 7n, ...options });
  assert.equal(parsed.kind, 'imagine');
  assert.ok(parsed.kind === 'imagine');
  const { prompt, negative, loras: used } = parsed.request;
  return { prompt, negative, loras: used?.map(({ name, weight }) => [name, weight]), request: parsed.request };
}

const refusal = (text: string) => {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error;
  }
  throw new Error(`${text} was accepted`);
};

describe('a LoRA in a command', () => {
  const PANDA = 'a panda on a green background';
  for (const [text, used, prompt = PANDA] of [
    [`${PANDA} <lora:sketch:0.8>`, [['sketch', 0.8]]],
    [`${PANDA} <lora:sketch>`, [['sketch', 1]]],
    [`<lora:sketch:-2> ${PANDA}`, [['sketch', -2]]],
    ['a panda <lora:sketch:.5> on a green background', [['sketch', 0.5]]],
    ['a panda <lora:sketch:1>, on a green background', [['sketch', 1]]],
    [`${PANDA}<lora:sketch:1>`, [['sketch', 1]]],
    [`${PANDA} lora:sketch:0.8`, [['sketch', 0.8]]],
    [
      `${PANDA} lora:sketch lora:ink:0.3`,
      [
        ['sketch', 1],
        ['Ink', 0.3],
      ],
    ],
    [
      `${PANDA} <LORA:SKETCH:1.5> lora:"old film:0.25" --lora v2.1_x`,
      [
        ['v2.1_x', 1],
        ['old film', 0.25],
        ['sketch', 1.5],
      ],
    ],
    [`"a panda <lora:sketch:0.8> on a green background"`, [['sketch', 0.8]]],
    [
      `${PANDA} lora:"sketch:1,ink"`,
      [
        ['sketch', 1],
        ['Ink', 1],
      ],
    ],
    ['a sign "hello <lora:ink:1> there"', [['Ink', 1]], 'a sign "hello there"'],
    [`${PANDA} <lora:sketch:0,8>`, [['sketch', 0.8]]],
    [
      `${PANDA} lora:"sketch:-0,5, old film, ink:1,5"`,
      [
        ['sketch', -0.5],
        ['old film', 1],
        ['Ink', 1.5],
      ],
    ],
    [
      `${PANDA} lora:"ink, red:0.25, sketch"`,
      [
        ['ink, red', 0.25],
        ['sketch', 1],
      ],
    ],
    [`<lora:ink, red:0.5> ${PANDA}`, [['ink, red', 0.5]]],
    ['a panda < lora:sketch > on a green background', [['sketch', 1]]],
  ] as const) {
    test(text, () => {
      const found = read(text);
      assert.equal(found.prompt.replace(/\s+/g, ' '), prompt);
      assert.deepEqual(new Map(found.loras as never), new Map(used as never));
    });
  }

  test('has the hash of its file, and without one a request has no such field', () => {
    assert.deepEqual(read(`${PANDA} <lora:ink:0.5>`).request.loras, [
      { name: 'Ink', weight: 0.5, hash: '1'.repeat(64) },
    ]);
    assert.ok(!('loras' in read(PANDA).request));
  });

  test('has no words near it that are taken for it', () => {
    for (const text of ['flora:fauna', 'Nora:smiling', 'logo:blue', 'for:sale'])
      assert.equal(read(`a panda ${text}`).prompt, `a panda ${text}`);
  });

  test('parts no words of a setting that it stands in', () => {
    for (const text of ['a panda --no text <lora:ink:1> frame', 'a panda --no <lora:ink:1> text frame']) {
      const { prompt, negative, loras: used } = read(text);
      assert.deepEqual([prompt, negative, used], ['a panda', 'text frame', [['Ink', 1]]]);
    }
  });

  test('with its weight behind a blank is told how to be written', () => {
    const notes = (text: string) => {
      const parsed = parseCommand(text, { limits, randomSeed: () => 7n });
      return parsed.kind === 'imagine' ? parsed.notes : [];
    };
    assert.deepEqual(notes('a panda lora:ink 0.8'), [
      'Read as text: "0.8"; for the weight of a LoRA, write lora:ink:0.8.',
    ]);
    assert.match(notes('a panda --lora "old film" 1').join(), /write lora:"old film:1"\./);
    for (const text of ['a panda lora:ink:1 2', 'a panda lora:ink 20 birds', 'a panda lora:ink']) {
      assert.deepEqual(notes(text), [], text);
    }
  });

  test('that is not closed, and what is no LoRA, is told of', () => {
    for (const text of ['a panda <lora:ink:1', 'a panda <lyco:ink:1>', 'a panda <hypernet:x:1> here']) {
      const parsed = parseCommand(text, { limits, randomSeed: () => 7n });
      assert.ok(parsed.kind === 'imagine');
      assert.match(parsed.notes.join(), /only LoRAs are used here, written <lora:name:0\.8>/);
    }
  });

  test('is none of the words, so nothing can hide behind it', () => {
    assert.equal(read('a na<lora:sketch:0>ked panda').prompt.replaceAll(' ', ''), 'anakedpanda');
  });

  test('stands in the command that makes the picture again', () => {
    const { request } = read('a (weird) panda, "quoted" <lora:old film:0.25> lora:ink:-1 seed:9');
    const again = parseCommand(formatRequest(request), { limits, randomSeed: () => 0n });
    assert.ok(again.kind === 'imagine');
    assert.deepEqual(again.request, request);
  });

  test('that is text stays text in the command that makes the picture again', () => {
    const { request } = read('a sign "\\<lora:ink:1>" <lora:ink:0.5>');
    assert.equal(request.prompt, 'a sign "<lora:ink:1>"');
    const again = parseCommand(formatRequest(request), { limits, randomSeed: () => 7n });
    assert.ok(again.kind === 'imagine');
    assert.deepEqual(again.request, request);
  });

  test('of an older request stays in a remix, until others or none are named', () => {
    const { prompt: _, ...defaults } = read(`${PANDA} <lora:ink:0.5>`).request;
    assert.deepEqual(read('an owl', { defaults }).loras, [['Ink', 0.5]]);
    assert.deepEqual(read('an owl <lora:sketch:1>', { defaults }).loras, [['sketch', 1]]);
    assert.ok(!('loras' in read('an owl lora:none', { defaults }).request));
  });

  test('comes by a native option too', () => {
    assert.deepEqual(read(PANDA, { options: { lora: 'sketch:0.8, ink' } }).loras, [
      ['sketch', 0.8],
      ['Ink', 1],
    ]);
    assert.deepEqual(read(`${PANDA} lora:ink`, { options: { lora: 'sketch' } }).loras, [
      ['sketch', 1],
      ['Ink', 1],
    ]);
  });

  test('in braces belongs to its own request', () => {
    const parsed = parseCommand('a {<lora:sketch:1> panda, <lora:ink:1> owl}', { limits, randomSeed: () => 7n });
    assert.ok(parsed.kind === 'permutations');
    assert.deepEqual(
      parsed.requests.map((one) => one.loras?.map(({ name }) => name)),
      [['sketch'], ['Ink']],
    );
  });
});

describe('a LoRA that is drawn', () => {
  const list = '<lora:sketch:0.4> in pencil\n<lora:old film:0.7> in sepia\n';
  const wildcards = { names: ['look', 'wrong'], get: (name: string) => (name === 'wrong' ? 'a <lora:gone:1>' : list) };
  const presets = {
    names: ['inked'],
    get: () => ({
      prompt: '{prompt} {<lora:ink:0.2>|<lora:ink:0.9>}',
      negative: 'fog <lora:sketch:-0.5>',
      settings: {},
    }),
  };
  const sources = { ...NO_SOURCES, wildcards, presets };
  const seeds = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n];

  test('from a list or from braces counts with its line', () => {
    const seen = new Set<string>();
    for (const seed of seeds) {
      const { prompt, loras: used, request } = read(`a panda __look__ seed:${seed}`, { sources });
      seen.add(prompt);
      assert.deepEqual(used, prompt === 'a panda in pencil' ? [['sketch', 0.4]] : [['old film', 0.7]]);
      assert.equal(request.original, 'a panda __look__');
    }
    assert.deepEqual([...seen].sort(), ['a panda in pencil', 'a panda in sepia']);
    const drawn = seeds.map((seed) => String(read(`a {<lora:ink:0.5>|<lora:old film>} panda seed:${seed}`).loras));
    assert.deepEqual([...new Set(drawn)].sort(), ['Ink,0.5', 'old film,1']);
  });

  test('goes with those that are typed, which count where both are the same', () => {
    const both = read('a panda __look__ <lora:ink:1> lora:sketch:2 seed:1', { sources });
    assert.deepEqual(new Map(both.loras as never).get('sketch' as never), 2);
    assert.ok((both.loras ?? []).some(([name]) => name === 'Ink'));
  });

  test('may be in a preset, around the prompt and in what is kept out', () => {
    const { prompt, negative, loras: used } = read('a panda preset:inked seed:3', { sources });
    assert.deepEqual([prompt, negative], ['a panda', 'fog']);
    assert.deepEqual(used?.map(([name]) => name).sort(), ['Ink', 'sketch']);
  });

  test('is refused in a sentence where it is not here, and where there are too many', () => {
    assert.throws(() => read('a panda __wrong__', { sources }), {
      code: 'bad_lora',
      message: /^Expected LoRAs that are drawn to be up to 4 LoRAs of those here .*, got "gone:1"\.$/,
    });
    const more = { ...limits, loras: [...loras, { name: 'fifth', hash: '5'.repeat(64) }] };
    const four = 'a {<lora:fifth>|<lora:fifth:2>} panda lora:"sketch, ink, old film, v2.1_x"';
    assert.throws(() => read(four, { limits: more }), { code: 'loras_invalid' });
  });

  test('stays as it was typed in a list that is saved, and is text behind a backslash', () => {
    const saved = parseCommand('wildcards set look <lora:ink:0.5>, {a|<lora:sketch:1>}', {
      limits,
      randomSeed: () => 7n,
    });
    assert.ok(saved.kind === 'wildcards' && saved.action === 'set');
    assert.equal(saved.list, '<lora:ink:0.5>\n{a|<lora:sketch:1>}');
    assert.deepEqual(
      [read('a panda \\<lora:ink:1>').prompt, read('a panda \\<lora:ink:1>').loras],
      ['a panda <lora:ink:1>', undefined],
    );
  });
});

describe('refused with a sentence and a command that is accepted', () => {
  for (const [text, said, mended] of [
    [
      'a panda <lora:sketsh:0.8>',
      /Expected lora to be up to 4 LoRAs of those here \(sketch, Ink, old film, v2\.1_x, ink, red\)/,
      /sketch:0\.8/,
    ],
    ['a panda lora:sketch:3', /from -2 to 2/, /sketch:2/],
    ['a panda <lora:sketch:0.8:0.5>', /sketch:0\.8:0\.5/, undefined],
    ['a panda <lora:sketch:0.9:0.4>', /sketch:0\.9:0\.4/, /sketch:0\.4/],
    ['a panda <lora:sketch:1e9>', /1e9/, /sketch:2/],
    ['a panda <lora:sketch:half>', /half/, /sketch:1/],
    ['a panda lora:old', /Expected lora/, undefined],
    ['a panda <lora:old film.safetensors:0.5>', /safetensors/, /old film:0\.5/],
    ['a panda lora:nothing-like-it', /nothing-like-it/, undefined],
    ['a panda <lora:sketch:1> <lora:sketch:0.5>', /each once/, /sketch:1/],
  ] as const) {
    test(text, () => {
      const { message, hint = '' } = refusal(text);
      assert.match(message, said);
      if (mended) assert.match(hint, mended);
      const [, command] = hint.match(/Try: (.+)$/) ?? [];
      if (command) read(command);
    });
  }

  test('five', () => {
    const more = { ...limits, loras: [...loras, { name: 'fifth', hash: '5'.repeat(64) }] };
    const all = 'a panda lora:sketch lora:ink lora:"old film" lora:v2.1_x lora:fifth';
    assert.throws(() => parseCommand(all, { limits: more, randomSeed: () => 7n }), { code: 'loras_invalid' });
  });

  test('where there are none, it says so', () => {
    const none = { limits: DEFAULT_LIMITS, randomSeed: () => 7n };
    assert.throws(() => parseCommand('a panda <lora:sketch:1>', none), /of which there are none here/);
  });

  test('those of another program in pasted parameters are left out with a note', () => {
    const pasted =
      'a panda <lora:detail:0.5> <lora:sketch:0.5>\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512';
    const parsed = parseCommand(pasted, { limits, randomSeed: () => 7n });
    assert.ok(parsed.kind === 'imagine');
    assert.equal(parsed.request.prompt, 'a panda');
    assert.deepEqual(
      parsed.request.loras?.map(({ name }) => name),
      ['sketch'],
    );
    assert.ok(parsed.notes.some((note) => /Left out of what was pasted: LoRAs that are not here, "detail"/.test(note)));
  });
});

test('names are completed, as a tag and as a setting', () => {
  const labels = (text: string) => completions(text, limits).map(({ insert }) => insert);
  assert.deepEqual(labels('a panda <lora:'), [
    '<lora:sketch:0.8>',
    '<lora:Ink:0.8>',
    '<lora:old film:0.8>',
    '<lora:v2.1_x:0.8>',
    '<lora:ink, red:0.8>',
  ]);
  assert.deepEqual(labels('a panda <lora:IN'), ['<lora:Ink:0.8>', '<lora:ink, red:0.8>']);
  assert.deepEqual(labels('a panda lora:s'), ['lora:sketch']);
  assert.ok(labels('a panda lo').includes('lora:'));
});

test('whatever is typed around a tag, reading it ends and says what is wrong at most', () => {
  const piece = fc.constantFrom(
    '<lora:',
    'sketch',
    ':',
    '0.8',
    '>',
    ' ',
    '"',
    ',',
    '{',
    '}',
    'a',
    '\\',
    'lora:',
    '--lora ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      try {
        parseCommand(pieces.join(''), { limits, randomSeed: () => 7n });
      } catch (error) {
        assert.ok(error instanceof UserError, String(error));
      }
    }),
  );
});
