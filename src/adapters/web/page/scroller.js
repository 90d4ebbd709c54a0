import { byId } from './dom.js';

/** Pixels from the end that still count as being at the end. */
const NEAR_END = 120;
/** Pixels from the start at which older turns are loaded. */
const NEAR_START = 600;

const REDUCED_MOTION = matchMedia('(prefers-reduced-motion: reduce)');

/** Follows new turns for readers who are at the end, and leaves all others where they read. */
export class Scroller {
  #area = byId('scroll');
  #jump = byId('jump');
  #atEnd = true;
  #lastTop = 0;
  #onTop;

  /** `onTop()` is called when the start comes near. */
  constructor(onTop) {
    this.#onTop = onTop;
    this.#area.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener('click', () => this.toEnd());
    // Pictures, fonts and the keyboard of a phone change heights without any scrolling.
    const watch = new ResizeObserver(() => this.#atEnd && this.toEnd('instant'));
    watch.observe(this.#area);
    watch.observe(byId('conversations'));
  }

  toEnd(behavior = 'smooth') {
    this.#atEnd = true;
    this.#jump.hidden = true;
    const top = this.#isWelcome() ? 0 : this.#area.scrollHeight;
    this.#area.scrollTo({ top, behavior: REDUCED_MOTION.matches ? 'instant' : behavior });
  }

  /** Call this when a turn was added or has grown. */
  grew() {
    if (this.#atEnd) this.toEnd('instant');
    else this.#jump.hidden = false;
    // A short page never scrolls, so older turns are loaded at once.
    if (this.#area.scrollHeight <= this.#area.clientHeight + NEAR_START) this.#onTop();
  }

  /** Runs a change that adds something above what is being read, without moving it. */
  keepPlace(change) {
    const fromEnd = this.#area.scrollHeight - this.#area.scrollTop;
    change();
    this.#area.scrollTop = this.#area.scrollHeight - fromEnd;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#area;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END) this.#atEnd = true;
    // Only going back leaves the end: on the way to it, it is as good as reached.
    else if (scrollTop < this.#lastTop) this.#atEnd = false;
    this.#lastTop = scrollTop;
    if (this.#atEnd) this.#jump.hidden = true;
    if (this.#area.scrollTop < NEAR_START) this.#onTop();
  }

  /** An empty room is read from its start. */
  #isWelcome() {
    return this.#area.querySelector('.conversation:not([hidden]) > .welcome:not([hidden])') !== null;
  }
}
