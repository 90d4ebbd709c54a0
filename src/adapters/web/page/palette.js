import { tell } from './announce.js';
import { api } from './api.js';
import { closeBeside } from './dialogs.js';
import { el } from './dom.js';
import { t } from './texts.js';
import { isWriting } from './writing.js';

const COMMAND = 'wuerst ';
/** Titles, in the order in which they are shown. */
const GROUPS = {
  command: t('Commands'),
  key: t('Settings'),
  room: t('Rooms'),
  page: t('This page'),
  recent: t('Recent prompts'),
};

/**
 * Everything that can be done, with what it means, to be searched and chosen by keys. Opened by Ctrl+K, and by `/` while nothing
 * is typed in.
 */
export class Palette {
  #host;
  #dialog = null;
  #input = null;
  #list = null;
  #items = [];
  #shown = [];
  #selected = 0;
  #isAfterSlash = false;

  /** `host`: `who()` → `{ room, user }`, `own()` → items of the page, `onPick(item)` for those of the server, `onTyped(text)`. */
  constructor(host) {
    this.#host = host;
    addEventListener('keydown', (event) => this.#shortcut(event));
  }

  open() {
    if (document.querySelector('dialog[open]')) return;
    this.#draw();
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#items = this.#host.own();
    this.#search();
    this.#load();
  }

  #draw() {
    this.#list = el('div', {
      class: 'palette-list',
      id: 'palette-list',
      role: 'listbox',
      'aria-label': t('Results'),
      tabindex: '0',
    });
    this.#input = el('input', {
      ...{
        class: 'palette-input',
        type: 'text',
        role: 'combobox',
        'aria-expanded': 'true',
        'aria-controls': 'palette-list',
      },
      ...{ 'aria-autocomplete': 'list', 'aria-label': t('Search commands, settings, rooms and prompts') },
      ...{ placeholder: t('Search commands, settings, rooms, prompts…'), autofocus: true, spellcheck: 'false' },
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
    });
    const dialog = el(
      'dialog',
      { class: 'palette panel', 'aria-label': t('Help and commands') },
      this.#input,
      this.#list,
    );
    closeBeside(dialog);
    // Comes some time after it closed: the next one may be open.
    dialog.addEventListener('close', () => dialog.remove());
    this.#dialog = dialog;
  }

  async #load() {
    const { room, user } = this.#host.who();
    try {
      const { items } = await api.everything(room, user);
      this.#items = [...items.map((item) => ({ ...item, run: () => this.#host.onPick(item) })), ...this.#host.own()];
      if (this.#dialog.open) this.#search();
    } catch (error) {
      tell(error.message);
    }
  }

  /** Commands may be typed as in other chats: then the slash was theirs. */
  #typed() {
    if (!this.#isAfterSlash || this.#input.value !== COMMAND) return this.#search();
    this.#dialog.close();
    this.#host.onTyped(`/${COMMAND}`);
  }

  /** Each word has to occur in what an item is called or in what it means. */
  #search() {
    const words = this.#input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#items.filter(({ label, detail }) => {
      const text = `${label} ${detail}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    this.#shown = Object.keys(GROUPS).flatMap((kind) => found.filter((item) => item.kind === kind));
    this.#list.replaceChildren(...this.#groups());
    this.#select(0);
    if (this.#shown.length === 0)
      this.#list.append(el('div', { class: 'palette-none', role: 'option' }, t('Nothing is called so.')));
  }

  #groups() {
    return Object.entries(GROUPS).flatMap(([kind, title]) => {
      const rows = this.#shown.flatMap((item, k) => (item.kind === kind ? [this.#row(item, k)] : []));
      const heading = el('div', { class: 'side-title', 'aria-hidden': 'true' }, title);
      return rows.length === 0 ? [] : [el('div', { role: 'group', 'aria-label': title }, heading, rows)];
    });
  }

  #row({ label, detail }, k) {
    return el(
      'div',
      {
        role: 'option',
        id: `palette-${k}`,
        class: 'palette-row',
        'aria-selected': 'false',
        onclick: () => this.#run(k),
      },
      // Lines break between the words of a choice.
      el(
        'span',
        { class: 'label', dir: 'auto' },
        label.split(/(?<=\|)/).flatMap((word) => [word, el('wbr')]),
      ),
      detail !== '' && el('span', { class: 'detail' }, detail),
    );
  }

  #select(index) {
    this.#selected = index;
    for (const row of this.#list.querySelectorAll('[aria-selected]'))
      row.setAttribute('aria-selected', String(row.id === `palette-${index}`));
    this.#list.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
    if (this.#shown.length === 0) this.#input.removeAttribute('aria-activedescendant');
    else this.#input.setAttribute('aria-activedescendant', `palette-${index}`);
  }

  #run(index) {
    const item = this.#shown[index];
    this.#dialog.close();
    item?.run();
  }

  #key(event) {
    const count = this.#shown.length;
    if (event.key === 'ArrowDown' && count > 0) this.#select((this.#selected + 1) % count);
    else if (event.key === 'ArrowUp' && count > 0) this.#select((this.#selected + count - 1) % count);
    else if (event.key === 'Enter' && !event.isComposing) this.#run(this.#selected);
    else return;
    event.preventDefault();
  }

  #shortcut(event) {
    const { key, ctrlKey, metaKey, altKey } = event;
    const isChord = key.toLowerCase() === 'k' && (ctrlKey || metaKey) && !altKey;
    const isSlash = key === '/' && !ctrlKey && !metaKey && !isWriting(event);
    if (!isChord && !isSlash) return;
    event.preventDefault();
    this.open();
    this.#isAfterSlash = isSlash;
  }
}
