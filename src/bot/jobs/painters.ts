import { EventEmitter } from 'node:events';
import type { EngineInfo } from '../../pipeline/process/protocol.ts';
import { type Painter, type PainterStatus, speedOf } from './painter.ts';

interface Member {
  readonly painter: Painter;
  /** As it was seen last; `undefined` before it was. */
  status: PainterStatus | undefined;
  ready: boolean;
  /** It has work. */
  busy: boolean;
}

/** A painter with what the core knows of it. */
export type PainterView = Readonly<Member>;

interface PainterEvents {
  /** It can take work from now on. */
  readonly ready: [painter: Painter];
  /** It can take no work any more: it has left, or its process is being replaced. */
  readonly lost: [painter: Painter];
  /** Something about one of them is different; comes after the others. */
  readonly changed: [];
}

/**
 * The painters that the core has at the moment. They join and leave while it runs; what one of them works on when it leaves
 * ends with the error that its `generate` throws.
 *
 * @example
 * painters.join(painter);           // it gets work as soon as its status says that it is ready
 * painters.changed(painter.id);     // whenever its status has changed
 * painters.leave(painter.id);
 */
export class Painters extends EventEmitter<PainterEvents> {
  readonly #members = new Map<string, Member>();
  #info: EngineInfo | null = null;

  constructor(painters: Iterable<Painter> = []) {
    super();
    for (const painter of painters) this.join(painter);
  }

  /** In the order in which they came. */
  get all(): readonly PainterView[] {
    return [...this.#members.values()];
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

  /**
   * How many more can be taken. While none is ready, one that was may be: the work waits for it, and hears why it does not
   * come back.
   */
  get free(): number {
    return this.#free().length;
  }

  /** Of the painters that are ready, which measured step times are theirs; of all while none is ready. */
  get speeds(): readonly string[] {
    const members = this.#able();
    return members.flatMap(({ painter }) => speedOf(painter) ?? []);
  }

  /** @throws RangeError if one with its id is there */
  join(painter: Painter): void {
    if (this.#members.has(painter.id)) {
      throw new RangeError(`Expected a new painter, got "${painter.id}", which is there already.`);
    }
    this.#members.set(painter.id, { painter, status: undefined, ready: false, busy: false });
    this.changed(painter.id);
  }

  /** Its status may have changed. */
  changed(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const { painter, status: before, ready: wasReady } = member;
    const { status } = painter;
    const { ready = true } = status;
    Object.assign(member, { status, ready });
    if (ready !== wasReady) this.emit(ready ? 'ready' : 'lost', painter);
    if (ready !== wasReady || isNews(before, status)) this.emit('changed');
  }

  /** It gets no more work. */
  leave(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    // Who asks what can be made should get an answer also when nobody is left.
    this.#info = this.info;
    this.#members.delete(id);
    if (member.ready) this.emit('lost', member.painter);
    this.emit('changed');
  }

  /** One that has no work, to be given back with `release`. */
  take(): Painter | undefined {
    const [member] = this.#free();
    if (member === undefined) return undefined;
    member.busy = true;
    return member.painter;
  }

  release(painter: Painter): void {
    const member = this.#members.get(painter.id);
    // One that has left and come back is another one.
    if (member?.painter === painter) member.busy = false;
  }

  #free(): Member[] {
    const able = this.#able();
    const idle = able.filter(({ busy }) => !busy);
    if (able.some(({ ready }) => ready)) return idle;
    return idle.length < able.length ? [] : idle.filter(({ painter }) => painter.status.info !== null).slice(0, 1);
  }

  /** The ones that are ready; all while none is. */
  #able(): Member[] {
    const members = [...this.#members.values()];
    const ready = members.filter((member) => member.ready);
    return ready.length > 0 ? ready : members;
  }
}

function isNews(before: PainterStatus | undefined, now: PainterStatus): boolean {
  if (before === undefined) return true;
  return before.info !== now.info || before.maxPixels !== now.maxPixels || before.loras !== now.loras;
}
