import { byteSize } from '../../system/byte-size.ts';
import { cudaMemory } from './device-memory.ts';
import { type FreeMemory, hostMemory, memoryWithin } from './host-memory.ts';
import type { Needs } from './memory-estimate.ts';
import type { Provider } from './providers.ts';

/** Networks as the plan sees them. */
export interface Releasable {
  release(): Promise<void>;
}

/** Called whenever it matters; replaced in tests. `null` if unknown. */
export type MeasureMemory = () => FreeMemory | null;

/**
 * A GPU whose memory is unknown (WebGPU does not report it, nor does CUDA without nvidia-smi) is assumed to have this much
 * free, as most cards of 8 GB do. With `resident` the operator says that there is more.
 */
const ASSUMED_DEVICE_BYTES = 6e9;
/** Other programs and leftovers of other networks need some, too. */
const USABLE = 0.85;
/** Less than this is not worth a measurement. */
const SMALL_BYTES = 256e6;
/** Without a measurement: keeps each buffer of a decode below 1 GB, as drivers may refuse larger ones. */
const UNMEASURED_DECODE_BYTES = 3.3e9;
/** With as little as possible: smaller tiles would save little more, and repeat much of the work. */
const LEAN_DECODE_BYTES = 400e6;

/** What stays loaded, and how much memory a step may take. */
export class MemoryPlan {
  readonly provider: Provider;
  /** The most sparing mode: one network at a time, small tiles, one picture at a time. */
  lean = false;
  /** Pictures of so many pixels, and larger ones, are made lean: one of them had run out of memory. */
  #leanFrom = Number.POSITIVE_INFINITY;
  readonly #measure: MeasureMemory;
  readonly #asked: Residency | 'auto';
  #decided: { readonly residency: Residency; readonly reason: string } | null = null;
  readonly #loaded = new Set<Releasable>();

  constructor(provider: Provider, asked: Residency | 'auto', measure: MeasureMemory = measureOf(provider)) {
    this.provider = provider;
    this.#asked = asked;
    this.#measure = measure;
  }

  get residency(): Residency {
    if (this.lean) return 'stage';
    // Until the networks are known, the careful choice.
    return this.#asked === 'auto' ? (this.#decided?.residency ?? 'stage') : this.#asked;
  }

  /** Why it is `residency`, for people. */
  get reason(): string {
    if (this.lean) return 'memory ran out';
    return this.#asked === 'auto' ? (this.#decided?.reason ?? 'nothing is loaded yet') : 'asked for';
  }

  free(): FreeMemory | null {
    return this.#measure();
  }

  /** Decides what `auto` means for networks with these needs. */
  decide(needs: Needs): void {
    if (this.#asked === 'auto') this.#decided = chooseResidency(needs, this.#measure());
  }

  /** Called before a network is loaded; with one network at a time, the others are released first. */
  async enter(network: Releasable): Promise<void> {
    this.#loaded.add(network);
    if (this.residency === 'resident') return;
    for (const other of this.#loaded) if (other !== network) await other.release();
  }

  left(network: Releasable): void {
    this.#loaded.delete(network);
  }

  /** Whether something optional may be kept beside so many bytes more. */
  hasRoomFor(bytes: number): boolean {
    return this.#asked !== 'auto' || bytes <= SMALL_BYTES || this.admits(bytes);
  }

  /** Whether so many bytes are known to be free. */
  admits(bytes: number): boolean {
    const free = this.#measure();
    return free !== null && bytes <= free.bytes * USABLE;
  }

  async releaseAll(): Promise<void> {
    await Promise.all([...this.#loaded].map((network) => network.release()));
  }

  /** From now on, pictures of so many pixels and larger ones are made lean; with 0, all of them. */
  ranOut(pixels: number): void {
    this.#leanFrom = Math.min(this.#leanFrom, pixels);
  }

  /** Decides how sparing to be with a picture of so many pixels; becoming more sparing releases everything. */
  async beginPicture(pixels: number): Promise<void> {
    const lean = pixels >= this.#leanFrom;
    if (lean && !this.lean) await this.releaseAll();
    this.lean = lean;
  }

  /** Bytes that decoding one tile may take, if the whole picture would take `whole`. */
  decodeBudget(whole: number): number {
    if (this.lean) return Math.min(whole / 4, LEAN_DECODE_BYTES);
    if (whole <= SMALL_BYTES) return whole;
    const free = this.#measure();
    return free ? free.bytes * USABLE : UNMEASURED_DECODE_BYTES;
  }
}

/** @param budget bytes of the host's memory that this process may take in all. @default what is free */
export function measureOf(provider: Provider, device?: number | undefined, budget?: number | undefined): MeasureMemory {
  if (provider === 'cpu') return () => (budget === undefined ? hostMemory() : memoryWithin(budget));
  return () => (provider === 'cuda' ? cudaMemory(device) : null) ?? sharedMemory();
}

/** A GPU may share the host's memory. */
function sharedMemory(): FreeMemory | null {
  const host = hostMemory();
  return host.bytes * USABLE < ASSUMED_DEVICE_BYTES ? host : null;
}

/** `resident` if everything fits with some room to spare, else `stage`. */
export function chooseResidency(
  { resident }: Needs,
  free: FreeMemory | null,
): { readonly residency: Residency; readonly reason: string } {
  const usable = free ? free.bytes * USABLE : ASSUMED_DEVICE_BYTES;
  const has = free
    ? `${byteSize(free.bytes)} of ${free.of} are free`
    : `a GPU whose memory cannot be asked is taken to have ${byteSize(ASSUMED_DEVICE_BYTES)}`;
  const residency = resident <= usable ? 'resident' : 'stage';
  return { residency, reason: `all networks need about ${byteSize(resident)}, ${has}` };
}

/** What stays loaded between uses: everything, or only the network at work. */
export type Residency = 'resident' | 'stage';
