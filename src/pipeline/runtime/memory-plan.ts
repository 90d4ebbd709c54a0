import { byteSize } from '../../system/byte-size.ts';
import { t } from '../../texts/translate.ts';
import { cudaMemory } from './device-memory.ts';
import { type FreeMemory, hostMemory, memoryWithin } from './host-memory.ts';
import { groupBytes, LOADING, type Needs, SEQUENTIAL_DECODE_BYTES, savesMuch } from './memory-estimate.ts';
import type { Provider } from './providers.ts';
import { type Residency, USUAL_SLOWDOWN } from './residency.ts';

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
  /** A sparing mode: one network at a time, small tiles, one picture at a time. */
  lean = false;
  /** The most sparing mode: lean, one block at a time. */
  isLeanest = false;
  /** Pictures of so many pixels, and larger ones, are made lean: one of them had run out of memory. */
  #leanFrom = Number.POSITIVE_INFINITY;
  /** The same, with one block at a time. */
  #leanestFrom = Number.POSITIVE_INFINITY;
  /** As `#leanFrom`, of what had ended the process. */
  #endedFrom = Number.POSITIVE_INFINITY;
  /** Whether one block at a time needs much less than one network. */
  #savesMuch = false;
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
    if (this.isLeanest) return 'sequential';
    return this.lean && this.#usual === 'resident' ? 'stage' : this.#usual;
  }

  get #usual(): Residency {
    // Until the networks are known, the careful choice.
    return this.#asked === 'auto' ? (this.#decided?.residency ?? 'stage') : this.#asked;
  }

  /** Why it is `residency`, for people; with one block at a time, also what that costs. */
  get reason(): string {
    const why = this.#why;
    return this.residency === 'sequential'
      ? t('{why}; it takes about {times} times as long as one network at a time', { why, times: USUAL_SLOWDOWN })
      : why;
  }

  get #why(): string {
    if (this.lean) return t('memory ran out');
    return this.#asked === 'auto' ? (this.#decided?.reason ?? t('nothing is loaded yet')) : t('asked for');
  }

  free(): FreeMemory | null {
    return this.#measure();
  }

  /** Decides what `auto` means for networks with these needs. */
  decide(needs: Needs): void {
    this.#savesMuch = savesMuch(needs);
    if (this.#asked === 'auto') this.#decided = chooseResidency(needs, this.#measure());
  }

  /** Called before a network is loaded; unless everything stays loaded, the others are released first. */
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

  /**
   * From now on, pictures of so many pixels and larger ones are made lean, or leaner than the one that ran out; with 0, all of them.
   *
   * @param lean whether that one was lean. @default whether pictures are now
   */
  ranOut(pixels: number, lean = this.lean): void {
    if (lean) this.#leanestFrom = Math.min(this.#leanestFrom, pixels);
    this.#leanFrom = Math.min(this.#leanFrom, pixels);
  }

  /** As `ranOut`, where it ended the process before this one: the residency of that one did not suffice. */
  ended(pixels: number): void {
    this.ranOut(pixels);
    this.#endedFrom = pixels;
  }

  /**
   * Decides how sparing to be with a picture of so many pixels. Becoming more sparing releases everything, and so does
   * loading whole networks again.
   */
  async beginPicture(pixels: number): Promise<void> {
    const lean = this.isLeanFrom(pixels);
    const isNotEnough = pixels >= this.#endedFrom && this.#usual === 'stage' && this.#savesMuch;
    const isLeanest = pixels >= this.#leanestFrom || isNotEnough;
    if ((lean && !this.lean) || isLeanest !== this.isLeanest) await this.releaseAll();
    this.lean = lean;
    this.isLeanest = isLeanest;
  }

  /** Whether a picture of so many pixels is made lean. */
  isLeanFrom(pixels: number): boolean {
    return pixels >= this.#leanFrom;
  }

  /** Bytes that decoding one tile may take, if the whole picture would take `whole`. */
  decodeBudget(whole: number): number {
    if (this.lean) return Math.min(whole / 4, LEAN_DECODE_BYTES);
    if (whole <= SMALL_BYTES) return whole;
    const free = this.#measure();
    const most = this.residency === 'sequential' ? SEQUENTIAL_DECODE_BYTES : Number.POSITIVE_INFINITY;
    return Math.min(most, free ? free.bytes * USABLE : UNMEASURED_DECODE_BYTES);
  }

  /** Bytes that the weights of a group of blocks may take beside so many bytes; with 0, one block is a group. */
  groupBytes(working: number): number {
    if (this.lean) return 0;
    const free = this.#measure();
    const most = groupBytes(working);
    return free ? Math.min(most, Math.max(0, free.bytes * USABLE - working) / LOADING) : most;
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

/** `resident` if everything fits with some room to spare, else `stage` if that does, or if `sequential` needs hardly less. */
export function chooseResidency(
  needs: Needs,
  free: FreeMemory | null,
): { readonly residency: Residency; readonly reason: string } {
  const usable = free ? free.bytes * USABLE : ASSUMED_DEVICE_BYTES;
  const has = free
    ? t('{size} of {what} are free', { size: byteSize(free.bytes), what: t(free.of) })
    : t('a GPU whose memory cannot be asked is taken to have {size}', { size: byteSize(ASSUMED_DEVICE_BYTES) });
  const { resident, stage, sequential } = needs;
  if (stage > usable && savesMuch(needs)) {
    const reason = t('one network at a time needs about {stage}, a block at a time {sequential}, {has}', {
      ...{ stage: byteSize(stage), sequential: byteSize(sequential), has },
    });
    return { residency: 'sequential', reason };
  }
  const residency = resident <= usable ? 'resident' : 'stage';
  return { residency, reason: t('all networks need about {size}, {has}', { size: byteSize(resident), has }) };
}
