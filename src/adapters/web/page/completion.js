import { announce } from './announce.js';
import { api } from './api.js';
import { byId, el } from './dom.js';
import { t } from './texts.js';

const PAUSE_MS = 90;

/** Suggestions above the prompt: a list box that is controlled from the text field. */
export class Completion {
  #list = byId('completion');
  #input = byId('prompt');
  #items = [];
  /** What they were asked for. */
  #text = '';
  #selected = -1;
  #timer = null;
  #asked = 0;
  #who;

  /** `who()` → `{ room, user }`. */
  constructor(who) {
    this.#who = who;
    this.#list.addEventListener('mousedown', (event) => {
      // Keeps the focus in the text field.
      event.preventDefault();
      const row = event.target.closest('[role=option]');
      if (row) this.#take(Number(row.dataset.index));
    });
    this.#input.addEventListener('blur', () => this.close());
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  /** Asks for suggestions after a pause in typing. */
  later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), PAUSE_MS);
  }

  async now() {
    const { room, user } = this.#who();
    const turn = ++this.#asked;
    const { value, selectionStart } = this.#input;
    const answer = await api.complete(room, user, value, String(selectionStart)).catch(() => ({ items: [] }));
    if (turn !== this.#asked || this.#input.value !== value || document.activeElement !== this.#input) return;
    this.#text = value;
    this.#show(answer.items);
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#show([]);
  }

  /** Handles a key, and returns whether it was meant for the list. */
  key(event) {
    if (!this.isOpen) return false;
    if (event.key === 'ArrowDown') this.#select((this.#selected + 1) % this.#items.length);
    else if (event.key === 'ArrowUp') this.#select((this.#selected <= 0 ? this.#items.length : this.#selected) - 1);
    else if (event.key === 'Tab' && !event.shiftKey) this.#take(this.#selected);
    else if (event.key === 'Enter' && this.#selected >= 0 && this.#input.value === this.#text)
      this.#take(this.#selected);
    else if (event.key === 'Escape') this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  #show(items) {
    // A text field of several lines has no state that says so.
    if (items.length > 0 && items.length !== this.#items.length) announce(suggestionCount(items.length));
    this.#items = items;
    this.#selected = -1;
    this.#list.hidden = items.length === 0;
    this.#input.removeAttribute('aria-activedescendant');
    this.#list.replaceChildren(...items.map(optionRow));
  }

  #select(index) {
    this.#selected = index;
    for (const [k, row] of [...this.#list.children].entries()) row.setAttribute('aria-selected', String(k === index));
    this.#list.children[index]?.scrollIntoView({ block: 'nearest' });
    this.#input.setAttribute('aria-activedescendant', `completion-${index}`);
  }

  /** Accepts this one, else the first. Where the text has changed since, of the suggestions for what it is now. */
  async #take(index) {
    const label = this.#items[index]?.label;
    if (this.#input.value !== this.#text) {
      clearTimeout(this.#timer);
      await this.now();
    }
    if (this.#input.value !== this.#text) return;
    const item = label === undefined ? this.#items[0] : this.#items.find((one) => one.label === label);
    if (!item) return;
    this.close();
    this.#input.setRangeText(item.insert, item.from, item.to, 'end');
    this.#input.dispatchEvent(new Event('input', { bubbles: true }));
    if (item.kind !== 'key') this.close();
  }
}

function suggestionCount(count) {
  return t('{count} suggestion. Tab takes it. | {count} suggestions. Down and Up choose one, Tab takes it.', { count });
}

function optionRow({ kind, label, detail }, index) {
  return el(
    'div',
    { role: 'option', id: `completion-${index}`, 'data-index': index, 'data-kind': kind, 'aria-selected': 'false' },
    el('span', { class: 'label one-line', dir: 'auto' }, label),
    detail !== '' && el('span', { class: 'detail' }, detail),
  );
}
