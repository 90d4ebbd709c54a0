import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Preset } from '../../../src/bot/command/presets.ts';
import { NO_SOURCES } from '../../../src/bot/command/prompt-sources.ts';
import { imagine, LIMITS, refusal } from './parsing.ts';

const PRESETS: Readonly<Record<string, Preset>> = {
  ink: { prompt: '{prompt}, ink <lora:sketch:0.6>', negative: 'photo', settings: {} },
  other: { prompt: '{prompt} <lora:elsewhere:1>', negative: '', settings: { n: '40', style: 'cubist', guidance: '6' } },
  drawn: { prompt: '{prompt}, {red|green} (ink:1.2)', negative: '', settings: {} },
  alone: { prompt: 'a castle', negative: '', settings: {} },
};
const sources = { ...NO_SOURCES, presets: { names: Object.keys(PRESETS), get: (name: string) => PRESETS[name] } };
const hash = 'ab12'.repeat(16);
const options = { sources, limits: { ...LIMITS, loras: [{ name: 'sketch', hash }] } };

describe('a preset', () => {
  it('names LoRAs in its text, which count unless others are typed', () => {
    const { request } = imagine('a panda preset:ink', options);
    assert.deepEqual([request.prompt, request.loras], ['a panda, ink', [{ name: 'sketch', hash, weight: 0.6 }]]);
    assert.equal(imagine('a panda <lora:sketch:0.2> preset:ink', options).request.loras?.[0]?.weight, 0.2);
  });

  it('has the nearest of what is not allowed any more, with a note', () => {
    const { request, notes } = imagine('a panda preset:other', options);
    assert.deepEqual([request.n, request.guidance, request.style, request.loras], [10, 6, 'interpolated', undefined]);
    assert.match(notes.join(' '), /n:40 of the preset other is not allowed here and became 10/);
    assert.match(notes.join(' '), /elsewhere/);
  });

  it('holds draws and weights, which do not touch what was typed in quotes', () => {
    const { request } = imagine('"a {x|y} panda \\"z\\"" preset:drawn seed:3', options);
    assert.match(request.prompt, /^a \{x\|y\} panda "z", (red|green) \(ink:1\.2\)$/);
    assert.equal(request.weighted, true);
  });

  it('is told of as where its texts come from', () => {
    const { origins } = imagine('a panda preset:ink', options).request;
    assert.deepEqual(
      [origins?.prompt, origins?.negative, origins?.loras],
      ['typed and preset ink', 'preset ink', 'preset ink'],
    );
    assert.equal(imagine('a panda preset:ink --no text', options).request.origins?.negative, 'typed and preset ink');
    assert.equal(imagine('preset:alone', options).request.origins?.prompt, 'preset alone');
    assert.equal(imagine('a panda preset:ink', options).request.origins?.strength, undefined);
  });

  it('takes the prompt in any case, and says what is text in it', () => {
    const preset = { prompt: '{Prompt}, {PROMPT} in {red, blue}', negative: '', settings: {} };
    const odd = { ...options, sources: { ...sources, presets: { names: ['odd'], get: () => preset } } };
    const { request, notes } = imagine('a cat preset:odd', odd);
    assert.equal(request.prompt, 'a cat, a cat in {red, blue}');
    assert.match(notes.join(' '), /a preset makes no more requests: "\{red, blue\}"; with bars, one of them is drawn/);
    assert.match(
      imagine('a {2$$red|blue} cat').notes.join(' '),
      /one alternative is drawn here and never several: "2\$\$"/,
    );
  });

  it('can stand alone, is joined to what is kept out, and is told where it is none', () => {
    assert.equal(imagine('preset:alone', options).request.prompt, 'a castle');
    assert.equal(imagine('a panda preset:ink --no text', options).request.negative, 'text, photo');
    const { error, corrected } = refusal('a panda preset:inks', options);
    assert.deepEqual([error.code, corrected], ['preset_unknown', '/wuerst a panda preset:ink']);
    assert.equal(refusal('a panda', { ...options, options: { preset: 'inks' } }).error.code, 'preset_unknown');
  });
});
