import type { Worker } from 'node:worker_threads';
import { startThread } from '../system/thread.ts';

export interface SigningThreadData {
  readonly pem: string;
}

export interface ToSign {
  readonly id: number;
  readonly file: Uint8Array;
  /** E.g. `image/png`. */
  readonly type: string;
}

export type Signed =
  | { readonly id: number; readonly file: Uint8Array }
  | { readonly id: number; readonly problem: string };

interface Waiting {
  readonly resolve: (file: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

// Beside this file, in the sources as in the built package.
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './signing-thread.ts' : './signing-thread.js', import.meta.url);

/** Signs files in a thread of its own: large ones take a quarter of a second. It keeps no process alive while it has nothing to do. */
export class Signer {
  readonly #pem: string;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #last = 0;

  /** @param pem key and certificates */
  constructor(pem: string) {
    this.#pem = pem;
  }

  /** Starts the thread, which the first file would wait for. */
  prepare(): void {
    this.#worker ??= this.#start();
  }

  /** @throws Error with what went wrong; the next file finds a new thread if this one has ended */
  sign(file: Uint8Array, type: string): Promise<Uint8Array> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, file, type } satisfies ToSign);
    });
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = startThread(ENTRY, { pem: this.#pem } satisfies SigningThreadData);
    worker.unref();
    worker.on('message', (message: Signed) => this.#settle(worker, message));
    let problem = new Error('The thread that signs has ended.');
    worker.once('error', (error) => {
      problem = error;
    });
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(problem);
      this.#waiting.clear();
    });
    return worker;
  }

  #settle(worker: Worker, message: Signed): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (this.#waiting.size === 0) worker.unref();
    if ('file' in message) waiting?.resolve(message.file);
    else waiting?.reject(new Error(message.problem));
  }
}
