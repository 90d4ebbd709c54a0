import { el } from './dom.js';
import { t } from './texts.js';

const GAP = 6;
/** Rows beyond what is seen that are kept ready. */
const SPARE_ROWS = 3;
/** While so many screens a frame go by, no picture is worth loading. */
const TOO_FAST = 0.6;
const SETTLED_MS = 90;
let lastId = 0;

/**
 * Square tiles of a list that may be very long: only those in sight exist. A list box: one tile is active, some may be chosen.
 * `source`: `count`, `at(index)` → a picture or `undefined`, `isChosen(picture)`, `onSee(first, last)`.
 */
export class GalleryGrid {
  element;
  active = 0;
  #source;
  #list = el('div', {
    class: 'gallery-grid',
    role: 'listbox',
    'aria-label': t('Pictures'),
    'aria-multiselectable': 'true',
    tabindex: '0',
  });
  #tiles = new Map();
  #spare = [];
  #columns = 1;
  #side = 1;
  #frame = 0;
  #lastTop = 0;
  #isFast = false;
  #settling = 0;

  constructor(source) {
    this.#source = source;
    this.element = el('div', { class: 'gallery-scroll' }, this.#list);
    this.element.addEventListener('scroll', () => this.#later(), { passive: true });
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  get list() {
    return this.#list;
  }

  get columns() {
    return this.#columns;
  }

  /** Tiles from the top to the bottom of what is seen. */
  get rowsInSight() {
    return Math.max(1, Math.floor(this.element.clientHeight / (this.#side + GAP)));
  }

  /** The list has changed. */
  draw() {
    const rows = Math.ceil((this.#source.count ?? 0) / this.#columns);
    this.#list.style.setProperty('height', `${Math.max(0, rows * (this.#side + GAP) - GAP)}px`);
    this.active = Math.max(0, Math.min(this.active, (this.#source.count ?? 1) - 1));
    this.#render();
  }

  toTop() {
    this.element.scrollTop = 0;
    this.active = 0;
  }

  /** Makes a tile the active one, and brings it into sight. */
  activate(index) {
    this.active = Math.max(0, Math.min(index, (this.#source.count ?? 1) - 1));
    const top = Math.floor(this.active / this.#columns) * (this.#side + GAP);
    const { scrollTop, clientHeight } = this.element;
    const padding = this.#list.offsetTop;
    if (top + padding < scrollTop) this.element.scrollTop = top;
    else if (top + padding + this.#side > scrollTop + clientHeight) {
      this.element.scrollTop = top + padding * 2 + this.#side - clientHeight;
    }
    this.#render();
  }

  /** The index of the tile that an event happened in, or -1. */
  indexOf(event) {
    const tile = event.target.closest?.('.tile');
    return tile ? Number(tile.getAttribute('aria-posinset')) - 1 : -1;
  }

  #measure() {
    const width = this.#list.clientWidth;
    if (width === 0) return;
    const least = width < 600 ? 104 : 156;
    const before = this.#columns;
    this.#columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    this.#side = (width - GAP * (this.#columns - 1)) / this.#columns;
    // What was seen stays in sight when rows hold more or fewer.
    const isMoved = before !== this.#columns && this.element.scrollTop > 0;
    this.draw();
    if (isMoved) this.activate(this.active);
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const { scrollTop, clientHeight } = this.element;
      this.#isFast = Math.abs(scrollTop - this.#lastTop) > clientHeight * TOO_FAST;
      this.#lastTop = scrollTop;
      this.#render();
      clearTimeout(this.#settling);
      if (this.#isFast) this.#settling = setTimeout(() => this.#settle(), SETTLED_MS);
    });
  }

  #settle() {
    this.#isFast = false;
    this.#render();
  }

  #render() {
    const count = this.#source.count ?? 0;
    const step = this.#side + GAP;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / step) - SPARE_ROWS) * this.#columns;
    const last = Math.min(count, (Math.ceil((scrollTop + clientHeight) / step) + SPARE_ROWS) * this.#columns) - 1;
    for (const [index, tile] of this.#tiles) if (index < first || index > last) this.#drop(index, tile);
    for (let index = first; index <= last; index += 1) this.#place(index, count);
    const active = this.#tiles.get(this.active)?.element.id ?? '';
    if (this.#list.getAttribute('aria-activedescendant') !== active) {
      this.#list.setAttribute('aria-activedescendant', active);
    }
    if (!this.#isFast) this.#source.onSee(first, last);
  }

  #drop(index, tile) {
    this.#tiles.delete(index);
    tile.element.hidden = true;
    this.#spare.push(tile);
  }

  #place(index, count) {
    let tile = this.#tiles.get(index);
    if (!tile) {
      tile = this.#spare.pop() ?? this.#newTile();
      this.#tiles.set(index, tile);
      tile.element.hidden = false;
      tile.element.setAttribute('aria-posinset', String(index + 1));
    }
    const { element } = tile;
    const step = this.#side + GAP;
    const [x, y] = [(index % this.#columns) * step, Math.floor(index / this.#columns) * step];
    const placed = `${x} ${y} ${this.#side} ${count}`;
    if (tile.placed !== placed) {
      tile.placed = placed;
      element.style.setProperty('transform', `translate(${x}px, ${y}px)`);
      element.style.setProperty('width', `${this.#side}px`);
      element.style.setProperty('height', `${this.#side}px`);
      element.setAttribute('aria-setsize', String(count));
    }
    element.toggleAttribute('data-active', index === this.active);
    this.#fill(tile, this.#source.at(index));
  }

  #newTile() {
    lastId += 1;
    const img = el('img', { alt: '', draggable: 'false', decoding: 'async' });
    const marks = [
      el('span', { class: 'tile-check', 'aria-hidden': 'true' }),
      el('span', { class: 'tile-star', 'aria-hidden': 'true' }, '★'),
    ];
    const element = el('div', { class: 'tile', role: 'option', id: `tile-${lastId}` }, img, marks);
    img.addEventListener('load', () => element.toggleAttribute('data-loaded', true));
    this.#list.append(element);
    return { element, img, placed: '', id: null };
  }

  #fill(tile, picture) {
    const { element, img } = tile;
    const isChosen = picture !== undefined && this.#source.isChosen(picture);
    if (element.getAttribute('aria-selected') !== String(isChosen))
      element.setAttribute('aria-selected', String(isChosen));
    const label = picture ? labelOf(picture) : t('Loading');
    if (tile.label !== label) {
      tile.label = label;
      element.setAttribute('aria-label', label);
      element.toggleAttribute('data-spoiler', picture?.spoiler === true);
      element.toggleAttribute('data-liked', picture?.liked === true);
    }
    const id = picture?.id ?? null;
    if (tile.id === id || (id !== null && this.#isFast)) return;
    tile.id = id;
    element.removeAttribute('data-loaded');
    if (id === null) return img.removeAttribute('src');
    img.src = `${picture.url}?w=${this.#side * devicePixelRatio > 180 ? 320 : 160}`;
  }
}

function labelOf({ title, width, height, user, liked, spoiler }) {
  const what = { title: spoiler ? t('Covered picture') : title, size: `${width} × ${height}`, user };
  return liked ? t('{title}, {size}, by {user}, favourite', what) : t('{title}, {size}, by {user}', what);
}
