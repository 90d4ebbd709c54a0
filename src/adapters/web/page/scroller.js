import { byId } from './dom.js';

const NEAR = 120;

/** Keeps the newest in sight for who is at the end, and everybody else where they read. */
export class Scroller {
  #area = byId('scroll');
  #jump = byId('jump');
  #atEnd = true;

  /** `onTop()` is called when the beginning comes near. */
  constructor(onTop) {
    this.#area.addEventListener(
      'scroll',
      () => {
        this.#atEnd = this.#area.scrollHeight - this.#area.scrollTop - this.#area.clientHeight < NEAR;
        if (this.#atEnd) this.#jump.hidden = true;
        if (this.#area.scrollTop < 600) onTop();
      },
      { passive: true },
    );
    this.#jump.addEventListener('click', () => this.toEnd());
    // Pictures, fonts and the keyboard of a phone change heights without any scrolling.
    const watch = new ResizeObserver(() => this.#atEnd && this.toEnd('instant'));
    watch.observe(this.#area);
    watch.observe(byId('conversations'));
    this.onTop = onTop;
  }

  toEnd(behavior = 'smooth') {
    this.#atEnd = true;
    this.#jump.hidden = true;
    this.#area.scrollTo({ top: this.#isWelcome() ? 0 : this.#area.scrollHeight, behavior });
  }

  /** An empty room is read from its beginning. */
  #isWelcome() {
    return this.#area.querySelector('.conversation:not([hidden]) > .welcome:not([hidden])') !== null;
  }

  /** Something new is at the end. */
  grew() {
    if (this.#atEnd) this.toEnd('instant');
    else this.#jump.hidden = false;
    // A short page never scrolls: the past is asked for at once.
    if (this.#area.scrollHeight <= this.#area.clientHeight + 600) this.onTop();
  }

  /** What is read stays in place while something is put in above it. */
  keepPlace(change) {
    const fromEnd = this.#area.scrollHeight - this.#area.scrollTop;
    change();
    this.#area.scrollTop = this.#area.scrollHeight - fromEnd;
  }
}
