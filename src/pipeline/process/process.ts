import { t } from '../../texts/translate.ts';
/**
 * Entry point of the pipeline process: `node process.js <engine module URL> <lock path> <parent's pid>`, with an IPC
 * channel. It does what the parent says (`ToProcess`), one request at a time, and dies with its parent.
 */

import { acquireLock } from '../../system/file-lock.ts';
import { inLanguage } from '../../texts/language.ts';
import { leaveOrphanNote, orphanNote } from './orphan-note.ts';
import {
  type EngineContext,
  type EngineInfo,
  EngineLost,
  type EngineModule,
  type EngineRequest,
  type FromProcess,
  type LoadOptions,
  reportError,
  type ToProcess,
} from './protocol.ts';
import { watchParent } from './watchdog.ts';

/** The parent has waited for the lock already; this covers a process that came between. */
const LOCK_WAIT_MS = 10_000;
/** As in sysexits.h: an internal error. */
const EXIT_LOST = 70;

const [engineUrl = '', lockPath = '', parentPid = ''] = process.argv.slice(2);
const requests = new Map<number, AbortController>();

// A terminal sends Ctrl-C and its end to the whole group, a service manager SIGTERM: the parent decides when this process ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.on('disconnect', () => {
  leaveOrphanNote(lockPath);
  process.kill(process.pid, 'SIGKILL');
});

await watchParent(Number(parentPid), orphanNote(lockPath));
const engine = await takeEngine();
process.on('message', (message: ToProcess) => {
  if (message.type === 'load') void load(message.options);
  else if (message.type === 'generate') generateFor(message.id, message.request);
  else if (message.type === 'cancel') requests.get(message.id)?.abort();
  else process.exit(0);
});
await send({ type: 'up' });

async function takeEngine() {
  // Before the module is loaded: its native parts may already reserve memory of the accelerator. Never released: the
  // operating system does that when the process has ended.
  await acquireLock(lockPath, { waitMs: LOCK_WAIT_MS, inUse: () => t('Another process uses the accelerator.') });
  const module: EngineModule = await import(engineUrl);
  return module.createEngine();
}

async function load(options: LoadOptions): Promise<void> {
  try {
    let loaded = () => {};
    const told = new Promise<void>((resolve) => {
      loaded = resolve;
    });
    const changed = (info: EngineInfo) => void told.then(() => send({ type: 'changed', info })).catch(() => {});
    await send({ type: 'loaded', info: await engine.load(options, { announce, changed }) });
    loaded();
  } catch (error) {
    await send({ type: 'load-failed', error: reportError(error, false) });
    process.exit(EXIT_LOST);
  }
}

/** Its warnings and errors are in the language of whoever reads them. */
function generateFor(id: number, request: EngineRequest): void {
  void inLanguage(request.language ?? 'en', () => generate(id, request));
}

async function generate(id: number, request: EngineRequest): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  requests.set(id, controller);
  try {
    const context = { signal, announce: (...call: Parameters<typeof announce>) => checked(announce(...call), signal) };
    for await (const event of engine.generate(request, context)) {
      await checked(send({ type: 'event', id, event }), signal);
    }
    await send({ type: 'end', id, error: null });
  } catch (error) {
    if (error instanceof EngineLost) {
      console.error(`${error.name}: ${error.message}`);
      process.exit(EXIT_LOST);
    }
    await send({ type: 'end', id, error: reportError(error, signal.aborted) });
  } finally {
    requests.delete(id);
  }
}

function announce(...[call, expectedMs]: Parameters<EngineContext['announce']>): Promise<void> {
  return send({ type: 'announce', call, expectedMs });
}

/** A cancellation that came in meanwhile ends the request here, before its next blocking call. */
async function checked(sent: Promise<void>, signal: AbortSignal): Promise<void> {
  await sent;
  signal.throwIfAborted();
}

/** Resolves when the message has left and whatever has come in meanwhile was read. */
function send(message: FromProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    // Two turns of the event loop: the first may end before it has looked at the channel.
    const read = () => setImmediate(() => setImmediate(resolve));
    process.send?.(message, undefined, undefined, (error) => (error === null ? read() : reject(error)));
  });
}
