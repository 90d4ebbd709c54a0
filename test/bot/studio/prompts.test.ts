import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { History } from '../../../src/bot/history/history.ts';
import type { Caller } from '../../../src/bot/job.ts';
import { UserError } from '../../../src/system/errors.ts';
import { caller, newJob, request, temporaryFolder } from '../history/history-fixture.ts';
import { INFO } from '../jobs/fake-painter.ts';
import { imageOf, jobIn, openStudio, replyIn } from './studio-fixture.ts';

const place = { surface: 'discord', room: 'c1', guild: 'g1', payer: 'discord:guild:g1' } as const;
const ann = caller({ ...place, user: 'ann' });
const bob = caller({ ...place, user: 'bob' });
const mod = caller({ ...place, user: 'mod', moderator: true });
const elsewhere = caller({ ...place, user: 'ann', room: 'c2', guild: 'g2', payer: 'discord:guild:g2' });

const fieldValue = (fields: readonly { readonly name: string; readonly value: string }[], name: string) =>
  fields.find((field) => field.name === name)?.value;

test('a preset puts its words around the prompt, and typed settings count before its own', async (t) => {
  const { say, ask } = await openStudio(t, { still: true });
  await say('presets save "Film Still" {prompt}, film still negative:blurry steps:9 style:base', ann);
  const { request } = await ask('a panda preset:film_still seed:7 style:aesthetic --no text', ann);
  assert.equal(request.prompt, 'a panda, film still');
  assert.equal(request.original, 'a panda');
  assert.equal(request.negative, 'text, blurry');
  assert.deepEqual([request.steps, request.style], [9, 'aesthetic']);
  assert.deepEqual([request.origins?.steps, request.origins?.style], ['preset film-still', 'typed']);
  assert.equal((await ask('a panda preset:none', ann)).request.prompt, 'a panda');
  await say('presets save night: {prompt} at night', ann);
  assert.equal((await ask('a ghost preset:night', ann)).request.prompt, 'a ghost at night');
  // Another person does not have it, and is told of one that is nearly so called.
  await assert.rejects(ask('a panda preset:film-still', bob), { code: 'preset_unknown' });
  await assert.rejects(ask('a panda preset:film-stil', ann), { hint: /Did you mean preset:film-still\?/ });
});

test('what cannot be saved is said in a sentence, with the command as it would be right', async (t) => {
  const { say } = await openStudio(t, { still: true });
  await assert.rejects(say('presets save huge {prompt}, wide size:9000x9000', ann), (error) => {
    assert.ok(error instanceof UserError && error.code === 'bad_size');
    assert.match(error.hint ?? '', /Try: \/wuerst presets save huge \{prompt\}, wide size:\d+x\d+$/);
    return true;
  });
  await assert.rejects(say('presets save server ink {prompt} stepps:9', mod), {
    hint: /Try: \/wuerst presets save server ink \{prompt\} steps:9$/,
  });
  await assert.rejects(say('presets save deep {prompt} preset:ink', ann), { code: 'preset_in_preset' });
  await assert.rejects(say('presets save two {prompt} steps:9 --steps 8', ann), { code: 'setting_given_twice' });
  await say('presets save ink {prompt}, ink', ann);
  await assert.rejects(say('presets delete server ink', mod), { message: /There is no preset "ink" of this server\./ });
  await assert.rejects(say('defaults steps:9 steps:8', ann), { code: 'setting_given_twice' });
  await assert.rejects(say('defaults preset:ink', ann), { code: 'default_unknown', message: /A preset is no default/ });
  for (const text of ['presets save ink', 'presets show a b c', 'wildcards add colour red', 'wildcards set colour']) {
    assert.match((await say(text, mod)).title, /^Paint “/, text);
  }
  for (const weight of ['-1::red', '1e3::red', '1234567::red', '::red']) {
    await assert.rejects(say(`wildcards set colour ${weight}, green`, mod), { code: 'wildcard_weight' }, weight);
  }
  assert.match((await say('wildcards set colour: 2::red, green', mod)).title, /The wildcard colour has 2 choices/);
});

test('a saved strength holds for pictures that are given, and is told of', async (t) => {
  const { studio, painter, say, press, ended } = await openStudio(t, { still: true });
  painter.status = { info: { ...INFO, startsFromPictures: true } };
  studio.paint();
  const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#00ff00' } })
    .png()
    .toBuffer();
  const hash = await studio.givePicture(picture, ann);
  const made = async (text: string, pictures: readonly string[] = [hash]) =>
    ended(jobIn(await studio.command(text, ann, pictures.length === 0 ? {} : { pictures: { pictures } })).id);
  await say('presets save faint {prompt}, faint strength:0.2 picture-weights:3,1', ann);
  assert.match(JSON.stringify((await say('presets show faint', ann)).fields), /"strength","value":"0\.2"/);
  const faint = await made('a cat preset:faint');
  assert.deepEqual([faint.request.start?.strength, faint.request.origins?.strength], [0.2, 'preset faint']);
  const info = await press(`info:${imageOf(faint)}`, ann);
  assert.match(fieldValue(info.fields, 'Values from') ?? '', /preset faint \(strength\)/);
  const blended = await made('a cat preset:faint strength:0.7', [hash, hash]);
  assert.deepEqual(
    blended.request.start?.pictures.map(({ weight }) => weight),
    [3, 1],
  );
  assert.equal(blended.request.start?.strength, 0.7);
  assert.equal((await made('a cat preset:faint', [])).request.start, undefined);
});

test('presets are kept per person, per guild by moderators, and for the bot in a folder; the nearest counts', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'presets'));
  writeFileSync(
    join(folder, 'presets/styles.csv'),
    '\uFEFFname,prompt,negative_prompt\r\nsoft,"{prompt}, of the bot",\r\n',
  );
  const { say, ask } = await openStudio(t, { still: true, folder });
  const painted = async (who: Caller) => (await ask('a cat preset:soft', who)).request.prompt;
  assert.equal(await painted(ann), 'a cat, of the bot');
  await assert.rejects(say('presets save server soft {prompt}, of the server', ann), { code: 'presets_not_allowed' });
  await say('presets save server soft {prompt}, of the server', mod);
  assert.equal(await painted(ann), 'a cat, of the server');
  assert.equal(await painted(elsewhere), 'a cat, of the bot');
  await say('presets save soft {prompt}, of Ann', ann);
  assert.equal(await painted(ann), 'a cat, of Ann');
  assert.equal(await painted(elsewhere), 'a cat, of Ann');
  assert.equal(await painted(bob), 'a cat, of the server');
  await say('presets delete soft', ann);
  assert.equal(await painted(ann), 'a cat, of the server');
});

test('presets are imported from and exported to files of other programs', async (t) => {
  const { say, ask } = await openStudio(t, { still: true });
  const csv = 'name,prompt,negative_prompt\nnight,"{prompt}, ""night""","sun, day"\nday,"by day, {prompt}",';
  assert.match((await say(`presets import ${csv}`, ann)).title, /^2 presets are saved/);
  const { request } = await ask('a cat preset:night', ann);
  assert.deepEqual([request.prompt, request.negative], ['a cat, "night"', 'sun, day']);
  const fooocus = JSON.stringify([{ name: 'sai-neon', prompt: 'neon {prompt} . glowing', negative_prompt: 'dull' }]);
  await say(`/wuerst presets import ${fooocus}`, ann);
  assert.equal((await ask('a cat preset:sai-neon', ann)).request.prompt, 'neon a cat . glowing');
  const exported = (await say('presets export csv', ann)).code ?? '';
  assert.match(exported, /^name,prompt,negative_prompt\r\nday,"by day, \{prompt\}",\r\n/);
  assert.deepEqual(
    JSON.parse((await say('presets export', ann)).code ?? '').map(({ name }: { name: string }) => name),
    ['day', 'night', 'sai-neon'],
  );
  const large = JSON.stringify(
    Array.from({ length: 300 }, (_, i) => ({ name: `s${i}`, prompt: `{prompt}, ${'x'.repeat(90)}` })),
  );
  assert.match((await say(`presets import ${large}`, ann)).title, /^300 presets are saved/);
  await assert.rejects(say('presets import {"a":1}', ann), { code: 'presets_unreadable' });
});

test('presets are imported from a file that comes with the command, and from no other command', async (t) => {
  const { studio, say, ask } = await openStudio(t, { still: true });
  const send = async (text: string, name: string, content: string) =>
    replyIn(await studio.command(text, ann, { file: { name, content: Buffer.from(content) } }));
  const csv = 'name,prompt,negative_prompt\r\nnight,"{prompt} at night",sun\r\n';
  assert.match((await send('presets import', 'styles.csv', csv)).title, /The preset night is saved/);
  assert.equal((await ask('a castle preset:night', ann)).request.prompt, 'a castle at night');
  const fooocus = JSON.stringify({ default_prompt: 'ink, ', default_cfg_scale: 6, default_styles: [] });
  assert.match((await send('presets import', 'My Anime.json', fooocus)).title, /The preset my-anime is saved/);
  assert.deepEqual((await ask('a castle preset:my-anime', ann)).request.guidance, 6);
  await assert.rejects(send('presets import server', 'styles.csv', csv), { code: 'presets_not_allowed' });
  await assert.rejects(send(`presets import ${csv}`, 'styles.csv', csv), { code: 'presets_given_twice' });
  await assert.rejects(send('presets', 'styles.csv', csv), { code: 'file_misfit' });
  await assert.rejects(send('a castle', 'styles.csv', csv), { code: 'file_misfit' });
  await assert.rejects(send('presets import', 'photo.png', '\x89PNG\r\n'), { code: 'presets_unreadable' });
  await assert.rejects(send('presets import', 'empty.csv', ''), { code: 'presets_unreadable' });
  await assert.rejects(say('presets import', ann), { code: 'presets_missing', hint: /send the file/ });
});

test('a button saves any picture as a preset, with what was typed into its form', async (t) => {
  const { make, studio, ask, say } = await openStudio(t);
  const job = await make('a panda, soft light, (film:1.2) style:base steps:9 negative:"text" size:512x768', ann);
  const button = studio.button(`save-preset:${imageOf(job)}`, bob);
  assert.match(button?.ask?.value ?? '', /^a-panda[a-z-]*: \{prompt\}, soft light, \(film:1\.2\)$/);
  const saved = replyIn(await studio.act(`save-preset:${imageOf(job)}`, bob, { text: 'soft: {prompt}, soft light' }));
  assert.match(saved.title, /The preset soft is saved/);
  const { request } = await ask('a cat preset:soft', bob);
  assert.equal(request.prompt, 'a cat, soft light');
  const { width, height, steps, style, negative } = request;
  assert.deepEqual([width, height, steps, style, negative], [512, 768, 9, 'base', 'text']);
  assert.ok(fieldValue((await say('presets show soft', bob)).fields, 'Text'));
  await assert.rejects(studio.act(`save-preset:${imageOf(job)}`, bob, { text: '' }), { code: 'preset_name' });
});

test('typed beats preset beats person beats channel beats guild beats model; then maxima clamp, and Info says so', async (t) => {
  const { make, say, press, history } = await openStudio(t);
  const origin = async (text: string, who = ann) => {
    const { request } = await make(text, who);
    return [request.steps, request.origins?.steps ?? 'the model'];
  };
  assert.deepEqual(await origin('a cat'), [null, 'the model']);
  await say('defaults server steps:11 n:3', mod);
  assert.deepEqual(await origin('a cat'), [11, "the server's default"]);
  await say('defaults channel steps:12', mod);
  assert.deepEqual(await origin('a cat'), [12, "the channel's default"]);
  await say('defaults steps:13', ann);
  assert.deepEqual(await origin('a cat'), [13, 'your default']);
  assert.deepEqual(await origin('a cat', bob), [12, "the channel's default"]);
  await say('presets save quick {prompt} steps:14', ann);
  assert.deepEqual(await origin('a cat preset:quick'), [14, 'preset quick']);
  assert.deepEqual(await origin('a cat preset:quick steps:15'), [15, 'typed']);

  await say('defaults channel max-steps:10', mod);
  await say('defaults server max-steps:20 max-n:2 max-pixels:262144', mod);
  const job = await make('a cat steps:15 size:1024x1024', ann);
  const { steps, n, width, height, decoderSteps } = job.request;
  assert.deepEqual([steps, n, decoderSteps, width * height <= 262144], [10, 2, 10, true]);
  assert.match(job.notes.join(' '), /This channel allows 10 steps at most: steps:10 in place of 15/);
  const { fields } = await press(`info:${imageOf(job)}`, ann);
  assert.match(fieldValue(fields, 'Values from') ?? '', /the limit of this channel \(steps decoder-steps\)/);
  assert.match(
    fieldValue(fields, 'Values from') ?? '',
    /the limit of this server \(width height n\).*the model \(the rest\)/,
  );
  // Elsewhere only the person's own holds.
  assert.deepEqual(await origin('a cat', elsewhere), [13, 'your default']);

  // A guild's own limits clamp what was saved, and refuse what is typed.
  await say('defaults n:9', ann);
  await say('defaults server reset', mod);
  await say('settings images:4', mod);
  assert.equal((await make('a cat', ann)).request.n, 4);
  await assert.rejects(make('a cat n:9', ann), { code: 'bad_n' });
  await say('defaults steps:default', ann);
  assert.deepEqual(await origin('a cat', elsewhere), [null, 'the model']);
  assert.deepEqual(history.defaults.of({ surface: 'discord', scope: 'person', owner: 'ann' }), { n: '9' });
});

test('defaults are changed by those whose they are, and every setting takes one', async (t) => {
  const { say, ask } = await openStudio(t, { still: true });
  for (const text of ['defaults channel steps:3', 'defaults server steps:3']) {
    await assert.rejects(say(text, ann), { code: 'defaults_not_allowed' });
  }
  await assert.rejects(say('defaults steps:0', ann), { code: 'default_value' });
  await assert.rejects(say('defaults colour:red', ann), { code: 'default_unknown' });
  await assert.rejects(say('defaults max-n:3', ann), { code: 'default_unknown' });
  await say(
    'defaults ar:2:3 guidance:5 decoder-guidance:1 decoder-steps:4 spoiler:yes seed:3 negative:"text, {a|b}"',
    ann,
  );
  const { request } = await ask('a cat', ann);
  assert.ok(request.height > request.width);
  assert.deepEqual([request.guidance, request.decoderSteps, request.spoiler, request.seed], [5, 4, true, 3n]);
  assert.match(request.negative, /^text, [ab]$/);
  // A size takes the place of the ratio.
  await say('defaults size:512x512', ann);
  const square = await ask('a cat', ann);
  assert.deepEqual([square.request.width, square.request.height], [512, 512]);
  assert.match((await say('defaults', ann)).fields[0]?.value ?? '', /size:512x512/);
});

test('wildcards are drawn from lists of the guild and of the bot, by the seed of the job', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'wildcards'));
  writeFileSync(join(folder, 'wildcards/animal.txt'), 'cat\n# dog\npanda\n');
  const { make, say, press, ask, studio } = await openStudio(t, { folder });
  await assert.rejects(say('wildcards set colour red, green', ann), { code: 'wildcards_not_allowed' });
  await say('wildcards set colour red, green, 5::blue', mod);
  const job = await make('a __colour__ __animal__ seed:7', ann);
  assert.match(job.request.prompt, /^a (red|green|blue) (cat|panda)$/);
  assert.equal((await make('a __colour__ __animal__ seed:7', bob)).request.prompt, job.request.prompt);
  const { fields, code } = await press(`info:${imageOf(job)}`, ann);
  assert.equal(fieldValue(fields, 'Typed as'), 'a __colour__ __animal__');
  assert.ok(code?.includes(job.request.prompt));
  assert.match((await say('history', ann)).fields[0]?.value ?? '', new RegExp(job.request.prompt));
  assert.equal(studio.recentPrompts(ann, '', 1)[0]?.prompt, job.request.prompt);
  await assert.rejects(ask('a __colour__ cat', elsewhere), { code: 'wildcard_unknown' });
  await assert.rejects(ask('a __../presets/x__ cat', ann), { code: 'wildcard_name' });
  assert.match((await say('wildcards', ann)).lines.join(' '), /colour, animal/);
  assert.equal((await say('wildcards show animal', ann)).title, 'The wildcard animal, 2 choices');
  await say('wildcards delete colour', mod);
  await assert.rejects(ask('a __colour__ cat', ann), { code: 'wildcard_unknown' });
});

test('moderation sees what is painted: drawn words, presets, and words that weights split', async (t) => {
  const { say, ask, make, press } = await openStudio(t);
  await say('settings blocked-words +badger', mod);
  await say('wildcards set animal badger', mod);
  await say('presets save hidden {prompt}, badger', ann);
  for (const text of [
    'a __animal__',
    'a cat preset:hidden',
    'a {badger|badger}',
    'a (bad)(ger)',
    'a [(badger:1.3)]',
    'a cat --no (bad)(ger)',
  ]) {
    await assert.rejects(ask(text, ann), { code: 'blocked_word' }, text);
  }
  // What was not drawn is not painted, and not shown either.
  const job = await make('a {cat|0::badger}', ann);
  assert.equal(job.request.prompt, 'a cat');
  const { fields } = await press(`info:${imageOf(job)}`, ann);
  assert.equal(fieldValue(fields, 'Typed as'), undefined);
});

test('texts with words that a place forbids are saved, but not shown there', async (t) => {
  const { say } = await openStudio(t, { still: true });
  await say('wildcards set animal badger, cat, {red|(bad)(ger)} hat', mod);
  await say('wildcards set badger_like cat', mod);
  await say('presets save sett {prompt}, badger', ann);
  await say('presets save film {prompt}, film', ann);
  await say('defaults negative:badger steps:9', ann);
  await say('settings blocked-words +badger', mod);
  const told = async (text: string) => JSON.stringify(await say(text, ann));
  await assert.rejects(say('presets show sett', ann), { code: 'blocked_word' });
  const exported = await told('presets export');
  assert.match(exported, /Not shown, since words in it are not allowed here: 1\..*film/s);
  assert.match(await told('wildcards'), /animal.*: 1\./s);
  assert.match(await told('wildcards show animal'), /, 3 choices.*in them are not allowed here: 2\..*"cat"/s);
  assert.match(await told('defaults'), /negative:\(words not allowed here\) steps:9/);
  assert.match(await told('presets save sett {prompt}, a badger'), /The preset sett is saved/);
  for (const text of ['presets', 'presets export', 'wildcards', 'wildcards show animal', 'defaults']) {
    assert.doesNotMatch(await told(text), /badger|ger\)/, text);
  }
  assert.doesNotMatch(await told('presets save sett {prompt}, a badger'), /badger/);
  // Elsewhere they are as they were.
  assert.match(JSON.stringify(await say('presets show sett', elsewhere)), /badger/);
});

test('what a person saved is in their export, and gone when they are erased', async (t) => {
  const { say, history } = await openStudio(t, { still: true });
  await say('presets save film {prompt}, film', ann);
  await say('defaults steps:9', ann);
  const { presets, defaults } = JSON.parse(history.personalData.export('discord', 'ann').json);
  assert.equal(presets[0].name, 'film');
  assert.deepEqual(defaults, { steps: '9' });
  history.personalData.erase('discord', 'ann');
  assert.deepEqual(history.presets.names({ surface: 'discord', user: 'ann' }), []);
  assert.deepEqual(history.defaults.of({ surface: 'discord', scope: 'person', owner: 'ann' }), {});
});

test('a request from before weights keeps its brackets as text: painted, in Info, in a remix and typed again', async (t) => {
  const folder = temporaryFolder(t);
  const before = History.open({ folder });
  const { prompt, negative } = { prompt: 'a (panda:1.3) [x]', negative: '(text)' };
  const { job } = before.jobs.accept(newJob({ caller: ann, request: request({ prompt, negative, n: 1 }) }));
  before.close();
  const { studio, ended, painter, press, ask } = await openStudio(t, { folder });
  const done = await ended(job.id);
  assert.deepEqual([painter.requests.at(-1)?.prompt, painter.requests.at(-1)?.weighted], [prompt, undefined]);
  const { code } = await press(`info:${imageOf(done)}`, ann);
  const again = await ask((code ?? '').replace('/wuerst ', ''), ann);
  assert.deepEqual(
    [again.request.prompt, again.request.negative, again.request.weighted],
    [prompt, negative, undefined],
  );
  assert.equal(studio.button(`remix:${imageOf(done)}`, ann)?.ask?.value, 'a \\(panda:1.3\\) \\[x\\]');
  assert.equal(studio.recentPrompts(ann, 'panda', 1)[0]?.prompt, 'a \\(panda:1.3\\) \\[x\\]');
  const weighted = await ask('a (panda:1.3)', ann);
  await ended(weighted.id);
  assert.equal(painter.requests.at(-1)?.weighted, true);
});
