import type { Tensor } from 'onnxruntime-node';
import type { Tensors } from '../runtime/runtime.ts';
import { type Conditioning, isSameConditioning } from './conditioning.ts';

interface Entry {
  readonly given: Conditioning;
  readonly tensors: Tensors;
  users: number;
  isKept: boolean;
}

/**
 * What a graph made of the last few conditionings. It may lie on the device, where only `dispose` frees it, so it is used
 * in here and nowhere else; what was dropped while it is in use is freed after that.
 */
export class KeptOutputs {
  readonly #most: number;
  /** The one used last is at the end. */
  readonly #entries: Entry[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Does some work with what `make` gives, now or earlier. */
  async use<T>(given: Conditioning, make: () => Promise<Tensors>, work: (tensors: Tensors) => Promise<T>): Promise<T> {
    const entry = this.#find(given) ?? { given, tensors: await make(), users: 0, isKept: true };
    entry.users += 1;
    this.#putLast(entry);
    try {
      return await work(entry.tensors);
    } finally {
      entry.users -= 1;
      free(entry);
    }
  }

  forget(): void {
    for (const entry of this.#entries.splice(0)) drop(entry);
  }

  /** The device forgets what lies on it when its last session is released. */
  forgetOnDevice(): void {
    const all = this.#entries.splice(0);
    for (const entry of all) {
      if (Object.values(entry.tensors).some(isOnDevice)) drop(entry);
      else this.#entries.push(entry);
    }
  }

  #find(given: Conditioning): Entry | undefined {
    return this.#entries.find((entry) => isSameConditioning(entry.given, given));
  }

  #putLast(entry: Entry): void {
    const at = this.#entries.indexOf(entry);
    if (at >= 0) this.#entries.splice(at, 1);
    this.#entries.push(entry);
    if (this.#entries.length <= this.#most) return;
    for (const oldest of this.#entries.splice(0, this.#entries.length - this.#most)) drop(oldest);
  }
}

function drop(entry: Entry): void {
  entry.isKept = false;
  free(entry);
}

function free({ tensors, users, isKept }: Entry): void {
  if (isKept || users > 0) return;
  for (const tensor of Object.values(tensors)) if (isOnDevice(tensor)) tensor.dispose();
}

function isOnDevice({ location }: Tensor): boolean {
  return location !== 'cpu' && location !== 'none';
}
