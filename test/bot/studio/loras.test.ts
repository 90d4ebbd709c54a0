import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoraShelf } from '../../../src/bot/lora-shelf.ts';
import type { KnownLora } from '../../../src/bot/request-limits.ts';
import { UserError } from '../../../src/system/errors.ts';
import { caller } from '../history/history-fixture.ts';
import { openStudio } from './studio-fixture.ts';

const lora = (name: string): KnownLora => ({ name, hash: name.repeat(64).slice(0, 64) });

/** A folder in which files appear; what is in it shows after it was looked at again. */
class Shelf implements LoraShelf {
  files: readonly KnownLora[] = [];
  known: readonly KnownLora[] = [];

  async refresh(): Promise<void> {
    this.known = this.files;
  }
}

test('a LoRA that was just put there is found, painted with and kept with the request', async (t) => {
  const loras = new Shelf();
  const { studio, ask, ended, painter, make, click } = await openStudio(t, { loras });
  loras.files = [lora('sketch')];
  const done = await ended((await ask('a panda <lora:Sketch:0.8> seed:7')).id);
  const used = [{ ...lora('sketch'), weight: 0.8 }];
  assert.equal(done.request.prompt, 'a panda');
  assert.deepEqual(done.request.loras, used);
  assert.deepEqual(painter.requests.at(-1)?.loras, used);
  assert.deepEqual(studio.job(done.id)?.request.loras, used);

  const again = await ended((await click(`reroll:${done.id}`)).id);
  assert.deepEqual(again.request.loras, used);
  const remixed = await ended((await click(`remix:${done.images[0]?.id}`, undefined, 'an owl lora:none')).id);
  assert.ok(!('loras' in remixed.request));
  assert.ok(!('loras' in (await make('a panda')).request));
});

test('they are listed, completed and told of in Info with the command that uses them', async (t) => {
  const loras = new Shelf();
  const { studio, ask, ended, say, press } = await openStudio(t, { loras });
  assert.match((await say('loras')).title ?? '', /no LoRAs here/);
  loras.files = [lora('ink'), lora('sketch')];
  const { title, fields } = await say('loras');
  assert.equal(title, '2 LoRAs');
  assert.deepEqual(
    fields.map(({ value }) => value),
    ['ink, sketch'],
  );
  assert.deepEqual(
    studio.completions('a panda <lora:s', caller()).map(({ insert }) => insert),
    ['<lora:sketch:0.8>'],
  );
  const done = await ended((await ask('a panda lora:ink')).id);
  const info = await press(`info:${done.images[0]?.id}`);
  assert.ok(
    info.fields.some(({ name, value }) => name === 'Lora' && value === 'ink:1'),
    JSON.stringify(info.fields),
  );
  assert.match(info.code ?? '', /a panda <lora:ink:1> /);
});

test('moderation reads the words without the tags', async (t) => {
  const loras = new Shelf();
  loras.files = [lora('sketch')];
  const { ask, studio } = await openStudio(t, { loras });
  const moderator = caller({ guild: 'g1', moderator: true });
  await studio.command('settings blocked-words +violet', moderator);
  const member = { ...moderator, moderator: false };
  const tagged = ask('a violet <lora:sketch:0.1> panda', member);
  await assert.rejects(tagged, (error) => error instanceof UserError && error.code === 'blocked_word');
  // Two words, for the model too.
  assert.equal((await ask('a vio<lora:sketch:0.1>let panda', member)).request.prompt, 'a vio let panda');
});
