import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Painters } from '../../../src/bot/jobs/painters.ts';
import { ProcessPainters } from '../../../src/bot/jobs/process-painters.ts';
import type { PipelineStatus } from '../../../src/pipeline/process/client.ts';
import { OperatorError } from '../../../src/system/errors.ts';
import { INFO } from './fake-painter.ts';

const NEW: PipelineStatus = { state: 'new', pid: null, info: null, call: null, starts: 0, crashes: 0, hangs: 0 };

/** A client whose start the test ends. */
class FakeClient {
  status = NEW;
  readonly #onStatus: () => void;
  load = () => {};
  fail: (error: Error) => void = () => {};
  readonly #loaded: Promise<void>;

  constructor(onStatus: () => void) {
    this.#onStatus = onStatus;
    this.#loaded = new Promise((resolve, reject) => {
      this.load = resolve;
      this.fail = reject;
    });
    this.#loaded.catch(() => {});
  }

  async start() {
    this.#become('starting');
    await this.#loaded;
    this.status = { ...this.status, info: INFO };
    this.#become('ready');
    return INFO;
  }

  async stop() {
    this.#become('stopped');
  }

  async *generate() {}

  #become(state: PipelineStatus['state']) {
    this.status = { ...this.status, state };
    this.#onStatus();
  }
}

function several(count: number) {
  const painters = new Painters();
  const clients: FakeClient[] = [];
  const problems: string[] = [];
  const processes = new ProcessPainters({
    painters,
    processes: Array.from({ length: count }, (_, index) => ({
      ...{ id: `gpu-${index}`, name: `GPU ${index}` },
      connect: (onStatus) => {
        const client = new FakeClient(onStatus);
        clients.push(client);
        return client;
      },
    })),
    onProblem: (error, { name }) => problems.push(`${name}: ${error instanceof Error ? error.message : error}`),
  });
  const states = () => processes.statuses.map(({ state }) => state);
  const turn = () => new Promise(setImmediate);
  return { painters, clients, problems, processes, states, turn };
}

test('the first process loads alone, and is enough to paint; the others follow together', async () => {
  const { painters, clients, processes, states, turn } = several(3);
  const started = processes.start();
  await turn();
  assert.deepEqual([states(), painters.free().length], [['starting', 'new', 'new'], 0]);
  clients[0]?.load();
  assert.equal(await started, INFO);
  assert.deepEqual([states(), painters.free().length], [['ready', 'starting', 'starting'], 1]);
  clients[2]?.load();
  await turn();
  assert.deepEqual([states(), painters.free().length], [['ready', 'starting', 'ready'], 2]);
  clients[1]?.load();
  await processes.stop({ deadlineMs: 0 });
});

test('a process that cannot be started is told of, and the others go on without it', async () => {
  const { painters, clients, problems, processes, turn } = several(3);
  const started = processes.start();
  clients[0]?.fail(new OperatorError('provider_unavailable', () => 'There is no GPU 0.'));
  await turn();
  clients[1]?.load();
  await started;
  clients[2]?.fail(new OperatorError('provider_unavailable', () => 'There is no GPU 2.'));
  await turn();
  assert.deepEqual(problems, ['GPU 0: There is no GPU 0.', 'GPU 2: There is no GPU 2.']);
  assert.deepEqual(
    painters.all.map(({ painter }) => painter.name),
    ['GPU 1'],
  );
  await processes.stop({ deadlineMs: 0 });
});

test('where none can be started, the reason of the first is the reason', async () => {
  const { clients, processes } = several(2);
  const started = processes.start();
  for (const [index, client] of clients.entries())
    client.fail(new OperatorError('no_gpu', () => `There is no GPU ${index}.`));
  await assert.rejects(started, /There is no GPU 0/);
});
