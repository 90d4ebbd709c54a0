import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import type { RunningBot } from '../../src/main.ts';
import { pictureTexts } from '../../src/pipeline/images/picture-texts.ts';
import { temporaryFolder } from '../bot-process.ts';
import { discordParts, discordSurface } from './discord-surface.ts';
import { httpSurface } from './http-surface.ts';
import { pageSurface } from './page-surface.ts';
import { slackParts, slackSurface } from './slack-surface.ts';
import { openBot, type Shown, type Surface, writeLora } from './surface.ts';

/** The platforms are stand-ins; the adapters, the core, the pipeline process and the embedded model are real. */
let bot: RunningBot;
let surfaces: readonly Surface[] = [];
const names = ['Discord', 'Slack', 'the page', 'HTTP'] as const;
const folder = temporaryFolder({ after });

before(async () => {
  const loras = join(folder, 'loras');
  for (const name of ['loras', 'presets', 'wildcards']) mkdirSync(join(folder, name));
  await writeLora(loras, 'sketch', 1);
  await writeLora(loras, 'old film', 2);
  writeFileSync(join(folder, 'wildcards/animal.txt'), '# two\nlion\npanda\n');
  writeFileSync(
    join(folder, 'presets/styles.csv'),
    'name,prompt,negative_prompt\nnight,"{prompt} at night, dark",sun\n',
  );
  const [discord, slack] = [await discordParts(), await slackParts()];
  bot = await openBot(folder, [discord.adapter, slack.adapter]);
  surfaces = [
    ...[discordSurface(bot, discord.standIn), slackSurface(bot, slack.standIn)],
    ...[await pageSurface(bot), httpSurface(bot)],
  ];
});
after(async () => {
  await bot.stop();
  for (const surface of surfaces) await surface.close();
  assert.deepEqual(
    surfaces.flatMap(({ violations = [] }) => violations),
    [],
  );
});

function surfaceNamed(name: string): Surface {
  const surface = surfaces.find((one) => one.name === name);
  if (surface === undefined) throw new Error(`no surface ${name}`);
  return surface;
}

const PANDA = 'a panda on a green background';
const QUICK = 'size:256x256 steps:3 decoder-steps:1';

const pixels = (file: Buffer) => sharp(file).removeAlpha().raw().toBuffer();

async function assertSame(a: Buffer, b: Buffer): Promise<void> {
  assert.ok((await pixels(a)).equals(await pixels(b)), 'the same picture');
}

async function assertOther(a: Buffer, b: Buffer): Promise<void> {
  assert.ok(!(await pixels(a)).equals(await pixels(b)), 'another picture');
}

/** The right half of a square picture becomes transparent. */
async function withHole(file: Buffer): Promise<Buffer> {
  const { data, info } = await sharp(file).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  for (let i = 0; i < info.width * info.height; i++) if (i % info.width >= info.width / 2) data[4 * i + 3] = 0;
  return sharp(data, { raw: info }).png().toBuffer();
}

const parametersOf = ({ file }: Shown) => pictureTexts(file).texts.get('parameters') ?? '';

/** Its file disappears, as files do that are older than is kept. */
function lose({ job }: Shown): void {
  for (const { hash } of job.images) rmSync(join(folder, 'images', hash.slice(0, 2), `${hash}.png`));
}

for (const name of names) {
  test(`a LoRA on ${name}: painted, told, carried by the file, kept by buttons and found again`, async () => {
    const surface = surfaceNamed(name);
    const plain = await surface.paint(`${PANDA} ${QUICK} seed:7`);
    const set = await surface.paint(`${PANDA} lora:sketch:0.8 ${QUICK} seed:7`);
    await assertOther(set.file, plain.file);
    const tagged = await surface.paint(`a panda <lora:sketch:0.8> on a green background ${QUICK} seed:7`);
    assert.equal(tagged.job.request.prompt, PANDA);
    await assertSame(tagged.file, set.file);
    await assertOther((await surface.paint(`${PANDA} <lora:sketch:-1.5> ${QUICK} seed:7`)).file, set.file);
    const both = await surface.paint(`${PANDA} lora:"old film:0.5" <lora:sketch:0.8> ${QUICK} seed:7`);
    await assertOther(both.file, set.file);

    const info = await surface.ask(set, 'info');
    assert.match(info, /sketch:0\.8/);
    assert.match(info, /\/wuerst a panda on a green background <lora:sketch:0\.8> /);
    assert.match(parametersOf(set), /^a panda on a green background <lora:sketch:0\.8>\n/);
    assert.match(parametersOf(set), /Lora hashes: "sketch: [0-9a-f]{12}"/);
    assert.doesNotMatch(parametersOf(plain), /lora/i);

    for (const verb of ['reroll', 'vary-subtle', 'vary-strong', 'larger']) {
      const made = await surface.press(set, verb);
      assert.deepEqual(made.job.request.loras, set.job.request.loras, verb);
      assert.match(parametersOf(made), /<lora:sketch:0\.8>/, verb);
    }
    const without = await surface.press(set, 'remix', `${PANDA} lora:none`);
    await assertSame(without.file, plain.file);

    lose(set);
    await assertSame(await surface.again(set), set.file);
  });

  test(`LoRAs on ${name} are listed and completed, and a wrong name is answered with those there are`, async () => {
    const surface = surfaceNamed(name);
    assert.match(await surface.say('loras'), /old film, sketch/);
    for (const text of ['a panda lora:skech', 'a panda <lora:skech:0.5>']) {
      const told = await surface.say(text);
      assert.match(told, /old film, sketch/);
      assert.match(told, /Try: .*lora:"?sketch/);
    }
    assert.match(await surface.say('a panda lora:sketch:9'), /from -2 to 2/);
    if (surface.offers === undefined) return;
    assert.match((await surface.offers('lora', 'sk')).join(), /^<?(?:lora:)?sketch/);
  });

  test(`a picture to start from on ${name}: with words, without any, in part, and as a button`, async () => {
    const surface = surfaceNamed(name);
    const first = await surface.paint(`${PANDA} ${QUICK} seed:3`);
    const given = await sharp(first.file).png().toBuffer();
    const words = 'a cat on a purple background';
    const alone = await surface.paint(`${words} ${QUICK} seed:5`);
    const whole = await surface.paint(`${words} strength:1 ${QUICK} seed:5`, given);
    await assertSame(whole.file, alone.file);
    const started = await surface.paint(`${words} strength:0.4 ${QUICK} seed:5`, given);
    await assertOther(started.file, alone.file);
    assert.match(await surface.ask(started, 'info'), /0\.4/);
    const variation = await surface.paint(`${QUICK} seed:5`, given);
    assert.equal(variation.job.request.prompt, '');
    await assertOther(variation.file, started.file);
    lose(variation);
    await assertSame(await surface.again(variation), variation.file);

    const holed = await withHole(given);
    const part = await surface.paint(`${words} transparent:yes strength:0.9 ${QUICK} seed:5`, holed);
    const left = (file: Buffer) => sharp(file).removeAlpha().extract({ left: 0, top: 0, width: 96, height: 256 });
    await assertSame(await left(part.file).png().toBuffer(), await left(given).png().toBuffer());
    await assertOther(part.file, given);

    const next = await surface.press(first, 'start', `${words} strength:0.4`);
    assert.equal(next.job.request.start?.pictures[0]?.hash, first.job.images[0]?.hash);
    const wordless = await surface.press(first, 'start', '');
    assert.deepEqual([wordless.job.request.prompt, wordless.job.request.start?.pictures.length], ['', 1]);
  });

  test(`weighted words on ${name}: in the picture, in its file and in the command of Info`, async () => {
    const surface = surfaceNamed(name);
    const plain = await surface.paint(`a rocket and a cloud ${QUICK} seed:7`);
    const ones = await surface.paint(`a (rocket:1) and a cloud ${QUICK} seed:7`);
    await assertSame(ones.file, plain.file);
    const text = 'a (rocket:1.4) and a [[cloud]] \\(far\\)';
    const weighted = await surface.paint(`${text} negative:"(red:1.2)" ${QUICK} seed:7`);
    await assertOther(weighted.file, plain.file);
    assert.ok(parametersOf(weighted).startsWith(`${text}\nNegative prompt: (red:1.2)\n`), parametersOf(weighted));
    const again = await surface.press(weighted, 'reroll');
    assert.deepEqual([again.job.request.prompt, again.job.request.weighted], [text, true]);
    assert.match(await surface.ask(weighted, 'info'), /\(rocket:1\.4\) and a \[\[cloud\]\]/);
    lose(weighted);
    await assertSame(await surface.again(weighted), weighted.file);
  });

  test(`presets on ${name}: of the folder, saved from words and from a picture, listed and refused`, async () => {
    const surface = surfaceNamed(name);
    assert.match(await surface.say('presets'), /night/);
    const night = await surface.paint(`a castle preset:night ${QUICK} seed:7`);
    assert.equal(night.job.request.prompt, 'a castle at night, dark');
    assert.equal(night.job.request.negative, 'sun');
    assert.match(await surface.ask(night, 'info'), /preset night/);
    assert.match(parametersOf(night), /^a castle at night, dark\nNegative prompt: sun\n/);
    assert.match(await surface.say('presets save soft {prompt}, soft light steps:4'), /The preset soft is saved/);
    const soft = await surface.paint(`a castle preset:soft size:256x256 decoder-steps:1 seed:7`);
    assert.deepEqual([soft.job.request.prompt, soft.job.request.steps], ['a castle, soft light', 4]);
    assert.match(await surface.ask(night, 'save-preset', 'dusk: {prompt} at dusk'), /The preset dusk is saved/);
    const dusk = await surface.paint('a castle preset:dusk seed:7');
    assert.deepEqual([dusk.job.request.prompt, dusk.job.request.steps], ['a castle at dusk', 3]);
    assert.match(
      await surface.say('a castle preset:nigth'),
      /There is no preset "nigth" here.*\s?Did you mean preset:night/s,
    );
    assert.match(await surface.say('presets export'), /"name": ?"soft"|\\"name\\": \\"soft\\"/);
    assert.match(await surface.say('defaults steps:5 decoder-steps:1'), /changed/);
    const usual = await surface.paint('a castle size:256x256 seed:7');
    assert.equal(usual.job.request.steps, 5);
    assert.match(await surface.ask(usual, 'info'), /your default \(steps decoder-steps\)/);
    assert.match(await surface.say('defaults reset'), /changed|taken back|no defaults/i);
    if (surface.offers === undefined) return;
    assert.match((await surface.offers('preset', 'ni')).join(), /night/);
  });

  test(`presets of other programs on ${name}: pasted, and as a file where it takes one`, async () => {
    const surface = surfaceNamed(name);
    const csv = 'name,prompt,negative_prompt\nink,"{prompt}, ""ink"" drawing","photo, colour"\n';
    assert.match(await surface.say(`presets import ${csv}`), /The preset ink is saved/);
    const ink = await surface.paint(`a castle preset:ink ${QUICK}`);
    assert.deepEqual([ink.job.request.prompt, ink.job.request.negative], ['a castle, "ink" drawing', 'photo, colour']);
    assert.match(await surface.say('presets import'), /Expected presets to import, got none\./);
    if (surface.importPresets === undefined) return;
    const rows = Buffer.from(`\uFEFF${csv.replaceAll('ink', 'wash').replaceAll('\n', '\r\n')}`, 'utf16le');
    assert.match(await surface.importPresets('styles.csv', rows), /The preset wash is saved/);
    const fooocus = Buffer.from(JSON.stringify([{ name: 'sai-neon', prompt: 'neon {prompt}', negative_prompt: '' }]));
    assert.match(await surface.importPresets('sdxl_styles.json', fooocus), /The preset sai-neon is saved/);
    const neon = await surface.paint(`a castle preset:sai-neon ${QUICK}`);
    assert.equal(neon.job.request.prompt, 'neon a castle');
    assert.match(await surface.importPresets('photo.json', Buffer.from('{"a":')), /Expected JSON in the presets/);
  });

  test(`wildcards on ${name}: drawn by the seed, in the file as words, in Info as typed`, async () => {
    const surface = surfaceNamed(name);
    const text = 'a __animal__ on a {red|blue} background';
    const drawn = await surface.paint(`${text} ${QUICK} seed:7`);
    assert.match(drawn.job.request.prompt, /^a (?:lion|panda) on a (?:red|blue) background$/);
    await assertSame((await surface.paint(`${text} ${QUICK} seed:7`)).file, drawn.file);
    assert.ok(parametersOf(drawn).startsWith(`${drawn.job.request.prompt}\n`));
    const info = await surface.ask(drawn, 'info');
    assert.ok(info.includes(text) && info.includes(drawn.job.request.prompt), info);
    assert.match(await surface.say('wildcards set colour red, 3::blue'), /The wildcard colour has 2 choices/);
    assert.match(
      (await surface.paint(`a __colour__ kite ${QUICK} seed:1`)).job.request.prompt,
      /^a (?:red|blue) kite$/,
    );
    assert.match(await surface.say('wildcards'), /colour.*animal/);
    assert.match(await surface.say('a __colur__ kite'), /There is no wildcard "colur" here; did you mean "colour"\?/);
    assert.match(await surface.say('wildcards set loop a __loop__'), /loop/);
    assert.match(await surface.say('a __loop__'), /draws from itself/);
    lose(drawn);
    await assertSame(await surface.again(drawn), drawn.file);
  });
}
