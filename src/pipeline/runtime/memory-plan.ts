import { byteSize } from '../../system/byte-size.ts';
import { cudaMemory } from './device-memory.ts';
import { type FreeMemory, hostMemory } from './host-memory.ts';
import type { Needs } from './memory-estimate.ts';
import type { Provider } from './providers.ts';

/** Networks as the plan sees them. */
export interface Releasable {
  release(): Promise<void>;
}

/** Asked each time it matters; replaced in tests. `null` where nobody can tell. */
export type MeasureMemory = () => FreeMemory | null;

/**
 * A GPU that cannot be asked (WebGPU tells nothing of its memory, nor does CUDA without nvidia-smi) is taken to have
 * this much free: most cards of 8 GB have. `resident` says that there is more.
 */
const ASSUMED_DEVICE_BYTES = 6e9;
/** Other programs and other networks' leftovers need some, too. */
const USABLE = 0.85;
/** Less than this is not worth a measurement. */
const SMALL_BYTES = 256e6;
/** Without a measurement: no buffer of a decode is larger than 1 GB then, which drivers may refuse. */
const UNMEASURED_DECODE_BYTES = 3.3e9;
/** With as little as possible: smaller tiles would save little more, and cost much of the work twice. */
const LEAN_DECODE_BYTES = 400e6;

/** What stays loaded, and how much memory a step may take. */
export class MemoryPlan {
  readonly provider: Provider;
  /** The last try to get by: one network at a time, small tiles, one picture at a time. */
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
    // Before anything is known of the networks, the careful one.
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

  /** Settles `auto` for networks with these needs. */
  decide(needs: Needs): void {
    if (this.#asked === 'auto') this.#decided = chooseResidency(needs, this.#measure());
  }

  /** A network is about to be loaded; one network at a time, the others have to go first. */
  async enter(network: Releasable): Promise<void> {
    this.#loaded.add(network);
    if (this.residency === 'resident') return;
    for (const other of this.#loaded) if (other !== network) await other.release();
  }

  left(network: Releasable): void {
    this.#loaded.delete(network);
  }

  /** Whether something that is not necessary may be kept beside so many bytes more. */
  hasRoomFor(bytes: number): boolean {
    return this.#asked !== 'auto' || bytes <= SMALL_BYTES || this.admits(bytes);
  }

  /** Whether so many bytes are free, as far as anybody can tell. */
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

  /** Settles how sparing to be for a picture of so many pixels; nothing stays loaded where it is to be more so. */
  async beginPicture(pixels: number): Promise<void> {
    const lean = pixels >= this.#leanFrom;
    if (lean && !this.lean) await this.releaseAll();
    this.lean = lean;
  }

  /** Bytes that decoding one tile may take, where the whole picture would take `whole`. */
  decodeBudget(whole: number): number {
    if (this.lean) return Math.min(whole / 4, LEAN_DECODE_BYTES);
    if (whole <= SMALL_BYTES) return whole;
    const free = this.#measure();
    return free ? free.bytes * USABLE : UNMEASURED_DECODE_BYTES;
  }
}

export function measureOf(provider: Provider, device?: number | undefined): MeasureMemory {
  if (provider === 'cpu') return () => hostMemory();
  return () => (provider === 'cuda' ? cudaMemory(device) : null) ?? sharedMemory();
}

/** A GPU may have no memory but the host's. */
function sharedMemory(): FreeMemory | null {
  const host = hostMemory();
  return host.bytes * USABLE < ASSUMED_DEVICE_BYTES ? host : null;
}

/** `resident` where everything fits with some room, else `stage`. */
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
