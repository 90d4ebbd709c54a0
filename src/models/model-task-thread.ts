/** Fetches or checks a model, so that nobody waits for its hashes. */
import { parentPort, workerData } from 'node:worker_threads';
import { Hub } from '../pipeline/hub/hub.ts';
import { type PullEvent, pullModel } from '../pipeline/hub/pull.ts';
import { OperatorError, UserError } from '../system/errors.ts';
import { inLanguage } from '../texts/language.ts';
import { isIntact, readInstalled, WEIGHTS_FILE } from './classifier/installed.ts';
import { pullClassifier } from './classifier/pull-classifier.ts';
import { Registry } from './classifier/registry.ts';
import { STOP, type TaskMessage, type TaskOrder, type TaskProgress } from './model-task.ts';
import { verifyModel } from './verify.ts';

/** Milliseconds between two messages. */
const TELL_MS = 100;

const order = workerData as TaskOrder;
const stop = new AbortController();
const say = (message: TaskMessage) => parentPort?.postMessage(message);

let progress: TaskProgress = { path: '', done: 0, bytes: 0, findings: [] };
let told = 0;

function tell(change: Partial<TaskProgress>): void {
  progress = { ...progress, ...change };
  const now = performance.now();
  if (now - told < TELL_MS) return;
  told = now;
  say({ type: 'progress', progress });
}

async function work(): Promise<void> {
  const { folder } = order;
  const { signal } = stop;
  switch (order.kind) {
    case 'pull': {
      const { model, hub: options, wish } = order;
      const hub = new Hub(options);
      const { styles, variant, pictures: imageEncoder } = wish;
      return follow(pullModel({ model, folder, hub, styles, imageEncoder, variant, signal }), hub);
    }
    case 'pull-classifier': {
      const registry = new Registry(order.registry);
      return follow(pullClassifier({ published: order.published, folder, registry, signal }), registry);
    }
    case 'verify': {
      const onProgress = (read: Pick<TaskProgress, 'path' | 'done' | 'bytes'>) => tell(read);
      for await (const finding of verifyModel({ folder, model: order.model, signal, onProgress })) {
        tell({ path: finding.path, findings: [...progress.findings, finding] });
      }
      return;
    }
    case 'verify-classifier': {
      const found = await readInstalled(folder);
      const state = found === undefined ? 'missing' : (await isIntact(found)) ? 'ok' : 'wrong hash';
      return tell({ path: WEIGHTS_FILE, findings: [{ path: WEIGHTS_FILE, state }] });
    }
  }
}

async function follow(pulling: AsyncGenerator<PullEvent, unknown>, hub: Hub): Promise<void> {
  const landed = new Map<string, number>();
  try {
    for await (const event of pulling) {
      if (event.type === 'plan') tell({ bytes: event.toFetch });
      if (event.type === 'plan' || event.type === 'twin') continue;
      if (event.type === 'progress') landed.set(event.path, Math.max(landed.get(event.path) ?? 0, event.done));
      const fetched = [...landed.values()].reduce((sum, bytes) => sum + bytes, 0);
      tell({ path: event.path, done: Math.min(progress.bytes, fetched) });
    }
  } finally {
    await hub.close();
  }
}

function failure(error: unknown): TaskMessage {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const isTold = error instanceof UserError || error instanceof OperatorError;
  if (!isTold) return { type: 'failed', told: null, trace };
  const { message, hint } = error instanceof OperatorError ? error.told : error;
  return { type: 'failed', told: [message, hint].filter(Boolean).join(' '), trace };
}

await inLanguage(order.language, async () => {
  parentPort?.on('message', (message) => {
    if (message === STOP) stop.abort();
  });
  try {
    await work();
    say({ type: 'progress', progress });
  } catch (error) {
    say({ type: 'progress', progress });
    say(stop.signal.aborted ? { type: 'stopped' } : failure(error));
  } finally {
    parentPort?.close();
  }
});
