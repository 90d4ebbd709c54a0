import { Completion } from './completion.js';
import { byId, el } from './dom.js';
import { givenPictures } from './given-pictures.js';
import { SettingsPanel } from './settings-panel.js';
import { storage } from './storage.js';

const KEYS = ['size:', 'style:', 'n:', 'seed:', 'negative:'];

/** The text field: a draft for each room, suggestions, Enter to send. */
export class Composer {
  #form = byId('composer');
  #input = byId('prompt');
  #completion;
  #room = '';
  #onSend;
  #sentBefore;
  #panel;
  /** How many texts back the one that is shown was sent; 0 for what is being written. */
  #back = 0;

  /**
   * `onSend(text)` resolves to `accepted`, to `refused` for a text that has to be corrected, or to `failed` for one that the
   * conversation keeps to be sent again; `who()` → `{ room, user }`; `sentBefore()` → texts, the newest
   * last; `lastSeed()` → that of the newest request, or `null`.
   */
  constructor({ onSend, who, sentBefore, lastSeed }) {
    this.#onSend = onSend;
    this.#sentBefore = sentBefore;
    this.#completion = new Completion(who);
    this.#panel = new SettingsPanel({
      who,
      text: () => this.#input.value,
      write: (text) => this.#rewrite(text),
      lastSeed,
    });
    this.#input.addEventListener('input', () => {
      this.#back = 0;
      this.#grow();
      this.#saveDraft();
      this.#completion.later();
    });
    this.#input.addEventListener('keydown', (event) => this.#key(event));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    byId('keys').append(...KEYS.map((key) => this.#keyButton(key)));
  }

  show(room) {
    if (room === this.#room) return;
    this.#room = room;
    this.#completion.close();
    this.#write(storage.get(draftKey(room)) ?? '');
  }

  /** A text comes back, after what is being written. */
  takeBack(text) {
    this.offer([this.#input.value, text].filter(Boolean).join('\n'));
  }

  /** A text that another app hands over, behind what is being written; in full view before it is sent. */
  takeShared(text) {
    if (text !== '') this.takeBack(text);
  }

  /** Replaces the text, ready to be changed and sent. */
  offer(text) {
    this.#write(text);
    this.#saveDraft();
    this.focus();
  }

  /** Adds a setting, with suggestions for its value. */
  add(key) {
    const { value } = this.#input;
    this.offer(`${value}${value === '' || /\s$/.test(value) ? '' : ' '}${key}`);
    this.#completion.now();
  }

  focus() {
    this.#input.focus();
    this.#input.setSelectionRange(this.#input.value.length, this.#input.value.length);
  }

  async #send() {
    const text = this.#input.value.trim();
    if (text === '' && givenPictures.isEmpty) return this.focus();
    const room = this.#room;
    this.#completion.close();
    this.#write('');
    const outcome = await this.#onSend(text);
    // What was not sent outlives the page, unless something new is being written.
    if (outcome === 'failed') return;
    if (outcome === 'refused' && this.#room === room && this.#input.value === '') this.#write(text);
    if (outcome === 'accepted') this.forget(room, text);
    if (outcome === 'accepted' && this.#room === room && this.#input.value === '') this.#write(this.#panel.kept);
    if (this.#room === room) this.#saveDraft();
  }

  /** Somebody else writes here now. */
  forgetDrafts(rooms) {
    for (const room of rooms) storage.remove(draftKey(room));
    this.#write('');
    givenPictures.clear();
  }

  /** A text that was kept as a draft has been sent. */
  forget(room, text) {
    if (storage.get(draftKey(room))?.trim() === text) storage.remove(draftKey(room));
  }

  #key(event) {
    if (event.isComposing || this.#completion.key(event)) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    }
    if (event.key === 'ArrowUp' && this.#recall(1)) event.preventDefault();
    if (event.key === 'ArrowDown' && this.#recall(-1)) event.preventDefault();
    else if (event.key === 'ArrowDown' && this.#input.value === '') this.#completion.now();
    if (event.key === ' ' && event.ctrlKey) this.#completion.now();
  }

  /** Up and Down go through what was sent, while nothing else is written. Returns whether they did. */
  #recall(step) {
    if (this.#input.value !== '' && this.#back === 0) return false;
    const sent = this.#sentBefore();
    const back = this.#back + step;
    if (back < 0 || back > sent.length) return false;
    this.#write(back === 0 ? '' : sent[sent.length - back]);
    this.#back = back;
    this.#saveDraft();
    this.focus();
    return true;
  }

  #write(text) {
    this.#back = 0;
    this.#input.value = text;
    this.#grow();
  }

  /** Takes a text that says the same in other settings, while somebody is busy elsewhere. */
  #rewrite(text) {
    this.#write(text);
    this.#saveDraft();
  }

  #grow() {
    this.#panel.textChanged();
    this.#form.toggleAttribute('data-empty', this.#input.value.trim() === '');
    this.#input.style.height = 'auto';
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }

  #saveDraft() {
    if (this.#input.value === '') storage.remove(draftKey(this.#room));
    else storage.set(draftKey(this.#room), this.#input.value);
  }

  #keyButton(key) {
    return el('button', { type: 'button', class: 'key', onclick: () => this.add(key) }, key);
  }
}

function draftKey(room) {
  return `wuerst.draft.${room}`;
}
