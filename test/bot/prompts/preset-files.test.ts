import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withPreset } from '../../../src/bot/command/presets.ts';
import { formatCsv, parseCsv } from '../../../src/bot/prompts/csv.ts';
import { formatPresets, presetText, readPresets } from '../../../src/bot/prompts/preset-files.ts';
import { UserError } from '../../../src/system/errors.ts';

/** As A1111's web UI writes it: with Python's csv.DictWriter, in utf-8-sig. */
const STYLES_CSV = [
  '\uFEFFname,prompt,negative_prompt',
  'None,,',
  'Film Still,"{prompt}, film still, 35mm, ""grain""","blurry,',
  'text"',
  '---- light ----,,',
  'soft,soft light,',
  '日本,"水彩, {prompt}",',
  '',
].join('\r\n');

/** As `sdxl_styles_sai.json` of Fooocus begins. */
const FOOOCUS_STYLES = JSON.stringify(
  [
    {
      name: 'sai-3d-model',
      prompt: 'professional 3d model {prompt} . octane render',
      negative_prompt: 'ugly, deformed',
    },
    { name: 'sai-comic book', prompt: 'comic {prompt} . graphic illustration', negative_prompt: '' },
    { name: 'Fooocus Negative', negative_prompt: 'unrealistic' },
  ],
  null,
  4,
);

/** As `presets/anime.json` of Fooocus. */
const FOOOCUS_PRESET = JSON.stringify({
  default_model: 'animaPencilXL_v500.safetensors',
  default_loras: [[true, 'None', 1.0]],
  default_cfg_scale: 6.0,
  default_overwrite_step: -1,
  default_image_number: 2,
  default_prompt: '1girl, ',
  default_prompt_negative: 'bad hands',
  default_styles: ['Fooocus V2'],
  default_aspect_ratio: '896*1152',
});

test("A1111's styles.csv is read: quotes, line breaks, dividers, its older column", () => {
  assert.deepEqual(readPresets(STYLES_CSV), [
    { name: 'film-still', prompt: '{prompt}, film still, 35mm, "grain"', negative: 'blurry,\r\ntext', settings: {} },
    { name: 'soft', prompt: 'soft light', negative: '', settings: {} },
    { name: '日本', prompt: '水彩, {prompt}', negative: '', settings: {} },
  ]);
  assert.deepEqual(readPresets('name,text\nold,"by night, {prompt}"\n')[0]?.prompt, 'by night, {prompt}');
});

test('what spreadsheets and editors make of it is read, too', () => {
  const night = [{ name: 'night', prompt: '{prompt}, "by" night; dark', negative: 'sun, day', settings: {} }];
  const rows = 'name;prompt;negative_prompt\nnight;"{prompt}, ""by"" night; dark";sun, day\n';
  assert.deepEqual(readPresets(rows), night);
  assert.deepEqual(readPresets(rows.replaceAll('\n', '\r\n')), night);
  const tabs = '"negative_prompt"\t"name"\t"prompt"\rsun, day\tnight\t"{prompt}, ""by"" night; dark"\r';
  assert.deepEqual(readPresets(tabs), night);
  const encoded = [
    Buffer.from(`\uFEFF${rows}`),
    Buffer.from(`\uFEFF${rows}`, 'utf16le'),
    Buffer.from(`\uFEFF${rows}`, 'utf16le').swap16(),
  ];
  for (const bytes of encoded) assert.deepEqual(readPresets(presetText(bytes)), night);
  assert.equal(presetText(Buffer.from('caf\u00e9', 'latin1')), 'café');
});

test('empty values, a single style and columns in another order are read, and what is wrong is named', () => {
  const style = { name: 'Ink', prompt: '{prompt}, ink', negative_prompt: null };
  const read = [{ name: 'ink', prompt: '{prompt}, ink', negative: '', settings: {} }];
  assert.deepEqual(readPresets(JSON.stringify([style])), read);
  assert.deepEqual(readPresets(JSON.stringify(style)), read);
  assert.deepEqual(readPresets('prompt,name\n"{prompt}, ink",Ink\n'), read);
  assert.throws(() => readPresets(JSON.stringify([style, { name: 'x', prompt: 5 }])), {
    message: /Expected a name and a prompt, as text, for every style in the presets, got another prompt in number 2\./,
  });
});

test("Fooocus' styles and presets are read", () => {
  assert.deepEqual(
    readPresets(FOOOCUS_STYLES).map(({ name, negative }) => [name, negative]),
    [
      ['sai-3d-model', 'ugly, deformed'],
      ['sai-comic-book', ''],
      ['fooocus-negative', 'unrealistic'],
    ],
  );
  assert.deepEqual(readPresets(FOOOCUS_PRESET, 'anime'), [
    {
      name: 'anime',
      prompt: '1girl, {prompt}',
      negative: 'bad hands',
      settings: { guidance: '6', n: '2', ar: '896:1152' },
    },
  ]);
});

test('what is written is read back, with its settings in JSON', () => {
  const presets = [
    { name: 'film', prompt: '{prompt}, "film",\nstill', negative: 'a, b', settings: { steps: '9', ar: '2:3' } },
    { name: 'soft', prompt: 'soft', negative: '', settings: {} },
  ];
  assert.deepEqual(readPresets(formatPresets(presets, 'json')), presets);
  assert.deepEqual(
    readPresets(formatPresets(presets, 'csv')),
    presets.map((preset) => ({ ...preset, settings: {} })),
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ') }), { minLength: 2, maxLength: 3 }),
        { minLength: 1 },
      ),
      (rows) => {
        assert.deepEqual(parseCsv(formatCsv(rows)), rows);
      },
    ),
  );
});

test('a text goes into a preset as in A1111', () => {
  assert.equal(withPreset('{prompt}, night, {prompt}', 'a $& cat'), 'a $& cat, night, a $& cat');
  assert.equal(withPreset('soft light', 'a cat'), 'a cat, soft light');
  assert.equal(withPreset('', 'a cat'), 'a cat');
  assert.equal(withPreset('soft light', ''), 'soft light');
});

test('other files are refused in a sentence', () => {
  for (const file of [
    '',
    'a,b\n1,2',
    '{"x":1}',
    '[{"prompt":"no name"}]',
    '[1]',
    '{"a":',
    'name,prompt\n"a{b}",x',
    '[]',
  ]) {
    assert.throws(
      () => readPresets(file),
      (error: unknown) =>
        error instanceof UserError && error.code === 'presets_unreadable' && /^[A-Z].*\.$/s.test(error.message),
      file,
    );
  }
});
