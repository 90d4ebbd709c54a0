import { EventEmitter } from 'node:events';
import { type EngineInfo, hasStyle } from '../../pipeline/process/protocol.ts';
import { differenceOf, joined, type Weights } from '../../pipeline/process/weights.ts';
import type { ImagineRequest, Lack } from '../job.ts';
import { type Painter, type PainterStatus, speedOf } from './painter.ts';

interface Member {
  readonly painter: Painter;
  /** As it was seen last; `undefined` before it was. */
  status: PainterStatus | undefined;
  /** It can take work: it is there, and has the weights of the others. */
  ready: boolean;
  /** What it paints at the moment. */
  readonly work: Set<HeldWork>;
  /** The Stage C that its last work was made with. */
  stageC: string | undefined;
}

/** Some work that a painter has. */
interface HeldWork {
  /** Equal for work that can be painted at the same time; unlike all others where that is not wanted. */
  readonly alike: string | symbol;
  readonly pictures: number;
}

/** A painter with what the core knows of it. */
export interface PainterView extends Readonly<Pick<Member, 'painter' | 'ready'>> {
  /** It has work. */
  readonly busy: boolean;
}

/** Work that may be painted at the same time as other work. */
export interface Company {
  readonly needs: Needs;
  readonly pictures: number;
}

/** What a painter has to have for some work. */
export type Needs = Pick<ImagineRequest, 'width' | 'height' | 'style' | 'loras' | 'start'>;

/** Seconds that some work would take a painter. */
export type SecondsAt = (painter: Painter) => number;

interface PainterEvents {
  /** It can take work from now on. */
  readonly ready: [painter: Painter];
  /** It can take no work any more: it has left, or its process is being replaced. */
  readonly lost: [painter: Painter];
  /** Something about one of them is different; comes after the others. */
  readonly changed: [];
}

/** A painter that has the Stage C of some work loaded may be slower than the fastest by this factor, and is chosen all the same. */
const SLOWER = 1.5;

/**
 * The painters that the core has at the moment. They join and leave while it runs; what one of them works on when it leaves
 * ends with the error that its `generate` throws. All have the same weights: one with others than the first gets no work.
 *
 * @example
 * painters.join(painter);           // it gets work as soon as its status says that it is ready
 * painters.changed(painter.id);     // whenever its status has changed
 * painters.leave(painter.id);
 */
export class Painters extends EventEmitter<PainterEvents> {
  readonly #members = new Map<string, Member>();
  readonly #others: boolean;
  #info: EngineInfo | null = null;
  #weights: Weights | null = null;

  /** @param others whether more may join that have what these have not: then what needs it waits for them. @default false */
  constructor(painters: Iterable<Painter> = [], { others = false }: { readonly others?: boolean } = {}) {
    super();
    this.#others = others;
    for (const painter of painters) this.join(painter);
  }

  /** In the order in which they came. */
  get all(): readonly PainterView[] {
    return [...this.#members.values()].map(({ painter, ready, work }) => ({ painter, ready, busy: work.size > 0 }));
  }

  /** Those that get work. */
  get working(): readonly Painter[] {
    return this.#ready.map(({ painter }) => painter);
  }

  /** What the first of them has loaded, or what was loaded last: what people can ask for. */
  get info(): EngineInfo | null {
    for (const { painter } of this.#members.values()) {
      if (painter.status.info === null) continue;
      this.#info = painter.status.info;
      break;
    }
    return this.#info;
  }

  /** Those of the first of them, and what is known of them by others or what these have besides: nobody's that works are different. */
  get weights(): Weights | null {
    return this.#weights;
  }

  /** Which measured step times are those of the painters that get work; while none does, of those that will again. */
  get speeds(): readonly string[] {
    const own = [...this.#members.values()].filter(({ painter: { status } }) => fits(this.#weights, status.info));
    const members = this.#ready.length > 0 ? this.#ready : own;
    return members.flatMap(({ painter }) => speedOf(painter) ?? []);
  }

  /** @throws RangeError if one with its id is there */
  join(painter: Painter): void {
    if (this.#members.has(painter.id)) {
      throw new RangeError(`Expected a new painter, got "${painter.id}", which is there already.`);
    }
    const member = { painter, status: undefined, ready: false, work: new Set<HeldWork>(), stageC: undefined };
    this.#members.set(painter.id, member);
    this.changed(painter.id);
  }

  /** Its status may have changed. */
  changed(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const before = member.status;
    member.status = member.painter.status;
    if (isNews(before, member.status)) this.#judge();
  }

  /** It gets no more work. */
  leave(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    // Who asks what can be made should get an answer also when nobody is left.
    this.#info = this.info;
    this.#members.delete(id);
    if (member.ready) this.emit('lost', member.painter);
    this.#judge();
  }

  /** Those that have nothing to do and can do this. Where no others may join, what nobody here can do is taken by any: it tells. */
  free(needs?: Needs): readonly Painter[] {
    const able = this.#ready.filter(({ painter }) => needs === undefined || lackOf(painter, needs) === undefined);
    const takers = able.length > 0 || this.#others ? able : this.#ready;
    return takers.filter(({ work }) => work.size === 0).map(({ painter }) => painter);
  }

  /** What keeps some work waiting, however long the painters that are there have nothing to do. */
  lack(needs?: Needs): Lack | undefined {
    if (this.#ready.length === 0) return { what: 'painter' };
    if (needs === undefined || !this.#others) return undefined;
    const lacks = this.#ready.map(({ painter }) => lackOf(painter, needs));
    return lacks.includes(undefined) ? undefined : lacks[0];
  }

  /** Of the free ones, the best for some work: one that has its Stage C loaded, unless that is much slower; else the fastest. */
  best(needs: Needs | undefined, seconds: SecondsAt): Painter | undefined {
    const free = this.free(needs);
    if (free.length < 2) return free[0];
    const timed = free.map((painter) => ({ painter, seconds: seconds(painter), has: this.#hasLoaded(painter, needs) }));
    const most = Math.min(...timed.map((one) => one.seconds)) * SLOWER;
    const [best] = timed
      .filter((one) => one.seconds <= most)
      .sort((a, b) => Number(b.has) - Number(a.has) || a.seconds - b.seconds);
    return best?.painter;
  }

  /** Those that paint, and might paint something else at the same time. */
  get open(): readonly Painter[] {
    return this.#ready
      .filter(({ painter, work }) => work.size > 0 && togetherOf(painter) > 1)
      .map(({ painter }) => painter);
  }

  /** Of open ones, the first that can paint this at the same time: work that is alike in all that the networks need. */
  companion({ needs, pictures }: Company, open: readonly Painter[]): Painter | undefined {
    const alike = alikeOf(needs);
    return open.find((painter) => {
      const work = [...(this.#members.get(painter.id)?.work ?? [])];
      const taken = work.reduce((sum, one) => sum + one.pictures, pictures);
      return taken <= togetherOf(painter) && work.every((one) => one.alike === alike);
    });
  }

  /** Whether some work may come to a painter: it has what that needs, or whoever is free will tell what is lacking. */
  mayGet(painter: Painter, needs: Needs): boolean {
    return !this.#others || lackOf(painter, needs) === undefined;
  }

  /**
   * It has work, until that is given back.
   *
   * @param company how the work can be painted at the same time as other work. @default not at all
   * @returns gives the work back
   */
  take(painter: Painter, needs?: Needs, company?: Company): () => void {
    const member = this.#members.get(painter.id);
    // One that has left and come back is another one.
    if (member?.painter !== painter) return () => {};
    const alike = company === undefined ? Symbol('alone') : alikeOf(company.needs);
    const held: HeldWork = { alike, pictures: company?.pictures ?? 1 };
    member.work.add(held);
    if (needs !== undefined) member.stageC = stageCOf(needs);
    return () => void member.work.delete(held);
  }

  /** Decides anew who is ready, and tells of it. */
  #judge(): void {
    let weights: Weights | null = this.info;
    const changed: Member[] = [];
    for (const member of this.#members.values()) {
      const { status } = member.painter;
      const isSame = fits(weights, status.info);
      if (isSame && status.info) weights = joined(weights ?? status.info, status.info);
      const ready = (status.ready ?? true) && isSame;
      if (ready !== member.ready) changed.push(member);
      member.ready = ready;
    }
    this.#weights = weights;
    for (const { painter, ready } of changed) this.emit(ready ? 'ready' : 'lost', painter);
    this.emit('changed');
  }

  get #ready(): readonly Member[] {
    return [...this.#members.values()].filter(({ ready }) => ready);
  }

  #hasLoaded({ id }: Painter, needs: Needs | undefined): boolean {
    return needs !== undefined && this.#members.get(id)?.stageC === stageCOf(needs);
  }
}

function isNews(before: PainterStatus | undefined, now: PainterStatus): boolean {
  if (before === undefined) return true;
  if ((before.ready ?? true) !== (now.ready ?? true) || before.info !== now.info) return true;
  return JSON.stringify(before.loras) !== JSON.stringify(now.loras);
}

function fits(weights: Weights | null, own: Weights | null): boolean {
  return weights === null || own === null || differenceOf(weights, own) === undefined;
}

/** What a painter has not got for some work. */
function lackOf({ status: { info, loras } }: Painter, needs: Needs): Lack | undefined {
  const missing = loras && needs.loras?.find(({ name }) => !loras.includes(name));
  if (missing) return { what: 'lora', name: missing.name };
  if (info === null) return undefined;
  const { startsFromPictures = false, sizes } = info;
  const { style, width, height } = needs;
  if (!hasStyle(info, style)) return { what: 'style', name: style };
  if (needs.start !== undefined && !startsFromPictures) return { what: 'start' };
  const fits = !sizes || (Math.max(width, height) <= sizes.maxSide && width * height <= sizes.maxPixels);
  return fits ? undefined : { what: 'size', name: `${width}×${height}` };
}

/** Names the weights of Stage C that a picture is made with. */
function stageCOf({ style, loras = [] }: Needs): string {
  return JSON.stringify([style, loras]);
}

/** Names what the steps of a network can be shared over. */
function alikeOf({ width, height, ...stageC }: Needs): string {
  return JSON.stringify([width, height, stageCOf({ width, height, ...stageC })]);
}

function togetherOf({ status: { info } }: Painter): number {
  return info?.together ?? 1;
}
