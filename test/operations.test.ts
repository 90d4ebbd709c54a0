import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../src/config.ts';
import { operationsOf } from '../src/operations.ts';
import { inLanguage } from '../src/texts/language.ts';
import { WorkerOrders } from '../src/workers/bot/orders.ts';
import type { WorkerView } from '../src/workers/bot/roster.ts';
import { quoting, saying } from '../src/workers/said.ts';
import { openHistory, ROOT } from './bot/history/history-fixture.ts';

const BANNED = saying('This worker does not have the LoRA {name}.', { name: 'attic' });
const WORKER: WorkerView = {
  ...{ id: '0123456789abcdef', isBusy: true, painted: 3, lost: 1, verdict: { state: 'accepted' } },
  registration: {
    ...{
      id: '0123456789abcdef',
      name: 'cellar',
      version: '0.1.0',
      bot: '',
      age: 60_000,
      model: 'cocktail',
      checkpoint: 'c',
    },
    ...{
      formerCheckpoints: [],
      further: {},
      provider: 'cuda',
      hardware: 'H100',
      styles: ['base'],
      mixesStyles: false,
      loras: [],
    },
    ...{ startsFromPictures: false, stepSeconds: { prior: 0.02 }, ready: true, leaving: false },
    ...{ together: 1, attempts: ['a'], style: 'base', lastError: quoting(new Error('The connection was lost.')) },
  },
};
const SILENT = { error: () => {} };
const UNREADABLE: WorkerView = {
  ...{ id: 'fedcba9876543210', isBusy: false, painted: 0, lost: 0 },
  verdict: { state: 'refused', reason: BANNED },
};

test('workers are told with what they paint and why not, and orders reach them', (t) => {
  const { history, folder } = openHistory(t);
  const config = readConfig({ WUERST_DATA: folder, WUERST_REDIS: 'redis://127.0.0.1:6379', WUERST_PROVIDER: 'cpu' });
  const { workers } = operationsOf(config, history, () => [WORKER, UNREADABLE], SILENT);
  const [one, other] = workers?.all() ?? [];
  assert.deepEqual(
    [one?.name, one?.state, one?.paints, one?.steps, one?.lastError, one?.painted, one?.lost],
    ['cellar', 'accepted', 'base', { prior: 0.02 }, 'The connection was lost.', 3, 1],
  );
  assert.deepEqual(
    [other?.name, other?.state, other?.reason, other?.since, other?.paints],
    ['fedcba9876543210', 'refused', 'This worker does not have the LoRA attic.', null, null],
  );
  const [, inGerman] = inLanguage('de', () => workers?.all() ?? []);
  assert.equal(inGerman?.reason, 'Dieser Worker hat das LoRA attic nicht.');
  workers?.give('cellar', 'drain', ROOT);
  assert.deepEqual(new WorkerOrders(history).all, { cellar: 'drain' });
  workers?.give('cellar', undefined, ROOT);
  assert.deepEqual(workers?.orders(), {});
  const changes = history.audit.changes(10, 'painters');
  assert.deepEqual(
    changes.map(({ actor, action, target }) => [actor, action, target]),
    [
      ['root', 'admit', 'cellar'],
      ['root', 'drain', 'cellar'],
    ],
  );
});

test('the disk is told by database and models; a bot that paints alone has no workers', async (t) => {
  const { history, folder } = openHistory(t);
  const models = join(folder, 'models');
  mkdirSync(models);
  const config = readConfig({ WUERST_DATA: folder, WUERST_MODELS: models, WUERST_PROVIDER: 'cpu' });
  const operations = operationsOf(config, history, () => [], SILENT);
  assert.equal(operations.workers, undefined);
  assert.equal(operations.models.folder, models);
  const before = await operations.disk();
  assert.ok(before.data.database > 0 && before.data.free > 0 && before.models.free > 0);
  assert.deepEqual([before.data.folder, before.models.folder], [folder, models]);
});
