import { announce } from './announce.js';
import { api } from './api.js';
import { byId, el } from './dom.js';
import { storage } from './storage.js';
import { t } from './texts.js';

const OPEN_KEY = 'wuerst.settings';
const PAUSE_MS = 120;
/** The box in which a shape is drawn, in pixels. */
const SHAPE = 26;
const USUAL_WEIGHT = 0.8;
const RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'];

/**
 * Settings to click, beside the prompt. They are what stands in its text: a click writes `key:value` there, and what is typed
 * there shows here. `host`: `who()` → `{ room, user }`, `text()`, `write(text)`, `lastSeed()`.
 */
export class SettingsPanel {
  #host;
  #panel = byId('settings');
  #opener = byId('settings-open');
  #offered = null;
  #offeredIn = '';
  /** What the text was when it was read last, and where its settings are. */
  #read = { text: '', spans: [] };
  #timer = null;
  #locked = null;
  #draws = [];

  constructor(host) {
    this.#host = host;
    this.#opener.addEventListener('click', () => this.#set(this.#panel.hidden));
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      this.#set(false);
      this.#opener.focus();
    });
    // Enter in one of its fields takes that, and does not send the prompt.
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !event.target.matches('input')) return;
      event.preventDefault();
      event.target.dispatchEvent(new Event('change'));
    });
    if (storage.get(OPEN_KEY) === 'open') this.#set(true);
  }

  /** What goes into the next prompt by itself. */
  get kept() {
    return this.#locked === null ? '' : `seed:${this.#locked} `;
  }

  textChanged() {
    if (this.#panel.hidden) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#readText(), PAUSE_MS);
  }

  async #set(open) {
    this.#panel.hidden = !open;
    this.#opener.setAttribute('aria-expanded', String(open));
    if (open) storage.set(OPEN_KEY, 'open');
    else storage.remove(OPEN_KEY);
    if (!open) return;
    await this.#load();
    await this.#readText();
  }

  /** What can be chosen depends on the room's rules. */
  async #load() {
    const { room, user } = this.#host.who();
    if (this.#offeredIn === `${room} ${user}`) return;
    try {
      this.#offered = await api.settings(room, user);
      this.#offeredIn = `${room} ${user}`;
      this.#build();
    } catch (error) {
      this.#panel.replaceChildren(el('p', { class: 'problem', role: 'alert' }, error.message));
    }
  }

  async #readText() {
    const { room, user } = this.#host.who();
    if (room === '' || user === '') return;
    await this.#load();
    const text = this.#host.text();
    try {
      const { spans } = text.trim() === '' ? { spans: [] } : await api.settingsIn(text, room, user);
      if (this.#host.text() !== text) return;
      this.#read = { text, spans };
      const values = Object.assign({}, ...spans.map((span) => span.values));
      for (const draw of this.#draws) draw(values);
    } catch {
      // It says what the text said before: the next change is read again.
    }
  }

  #build() {
    this.#draws = [];
    const find = (name) => this.#offered.settings.find((one) => one.name === name);
    const [loras, presets] = [find('lora'), find('preset')];
    this.#panel.replaceChildren(
      ...[
        this.#sizes(find('size')),
        el(
          'div',
          { class: 'settings-row' },
          this.#choice(t('Style'), find('style'), find('style').choices, 'style'),
          this.#choice(t('Pictures'), find('n'), find('n').choices, 'n'),
        ),
        el(
          'div',
          { class: 'settings-row' },
          this.#seed(find('seed')),
          this.#number(t('Guidance'), find('guidance'), 0.5),
          this.#number(t('Steps'), find('steps'), 1),
          presets.choices.length > 0 && this.#select(t('Preset'), presets, 'preset', (name) => quoted(name)),
          loras.choices.length > 0 && this.#select('LoRA', loras, 'loras', withWeight),
          this.#offered.startsFromPictures && this.#picture(),
        ),
      ].filter(Boolean),
    );
  }

  /** Shapes with the pixels that they stand for. */
  #sizes(key) {
    const sizes = key.choices.slice(0, 10);
    const shape = (size) => {
      const [width, height] = size.split('x').map(Number);
      const scale = SHAPE / Math.max(width, height);
      const box = { class: 'shape', '--shape-width': `${width * scale}px`, '--shape-height': `${height * scale}px` };
      const isNative = this.#offered.native.includes(size);
      const given = { size: `${width} × ${height}` };
      const title = isNative ? t('{size} pixels, which the model paints best', given) : t('{size} pixels', given);
      return [el('span', box), el('span', { title }, ratioOf(width, height)), el('small', {}, `${width}×${height}`)];
    };
    const isChosen = (size, { width, height }) => size === `${width}x${height}`;
    return this.#radios(t('Size'), key, sizes, { class: 'sizes', show: shape, isChosen });
  }

  #choice(title, key, choices, field) {
    const shown = choices.slice(0, 8);
    const isChosen = (value, values) => values[field] === value;
    return this.#radios(title, key, shown, { class: 'segments', show: (value) => value, isChosen });
  }

  /** A click on what is chosen takes it back: then the usual value counts. */
  #radios(title, key, choices, { class: className, show, isChosen }) {
    const buttons = choices.map((value) =>
      el('button', { type: 'button', 'aria-pressed': 'false', onclick: () => toggle(value) }, show(value)),
    );
    const toggle = (value) => {
      const isOn = buttons[choices.indexOf(value)].getAttribute('aria-pressed') === 'true';
      this.#choose(key, isOn ? null : value);
    };
    this.#draws.push((values) => {
      for (const [k, value] of choices.entries())
        buttons[k].setAttribute('aria-pressed', String(isChosen(value, values)));
    });
    return el('fieldset', { class: 'setting' }, el('legend', {}, title), el('div', { class: className }, buttons));
  }

  #number(title, key, step) {
    const { min, max } = key.range;
    const input = el('input', {
      ...{ type: 'number', min, max, step, placeholder: key.usual, inputmode: 'decimal', title: key.description },
      onchange: () => input.checkValidity() && this.#choose(key, input.value === '' ? null : input.value),
    });
    this.#draws.push((values) => {
      if (document.activeElement !== input) input.value = values[key.fields[0]] ?? '';
    });
    return el('label', { class: 'setting narrow' }, title, input);
  }

  #seed(key) {
    const input = el('input', {
      ...{ type: 'text', placeholder: 'random', inputmode: 'numeric', spellcheck: 'false', title: key.description },
      ...{ maxlength: 40, autocomplete: 'off', 'aria-label': t('Seed') },
      onchange: () => this.#choose(key, input.value.trim() === '' ? null : quoted(input.value.trim())),
    });
    const lock = el(
      'button',
      { type: 'button', class: 'key', 'aria-pressed': 'false', onclick: () => this.#toggleLock(key, input) },
      t('Keep'),
    );
    lock.title = t('Keeps the seed for the prompts that follow');
    this.#draws.push(({ seed }) => {
      if (document.activeElement !== input) input.value = seed ?? '';
      if (this.#locked !== null && seed !== undefined && seed !== 'random') this.#locked = seed;
      lock.setAttribute('aria-pressed', String(this.#locked !== null));
    });
    return el(
      'div',
      { class: 'setting' },
      el('span', { 'aria-hidden': 'true' }, t('Seed')),
      el('div', { class: 'seed' }, input, lock),
    );
  }

  async #toggleLock(key, input) {
    if (this.#locked !== null) {
      this.#locked = null;
      announce(t('The seed is free again.'));
    } else {
      const typed = /^\d+$/.test(input.value) ? input.value : null;
      this.#locked = typed ?? String(this.#host.lastSeed() ?? crypto.getRandomValues(new Uint32Array(1))[0]);
      announce(t('Seed {seed} is kept.', { seed: this.#locked }));
    }
    await this.#choose(key, this.#locked);
  }

  #select(title, key, field, typed) {
    const options = key.choices.map((name) => el('option', { value: name }, name.replaceAll('"', '')));
    const select = el(
      'select',
      { onchange: () => this.#choose(key, select.value === '' ? null : typed(select.value)), title: key.description },
      el('option', { value: '' }, t('none')),
      options,
    );
    this.#draws.push((values) => {
      const wanted = values[field]?.toLowerCase();
      const found = key.choices.find((name) => name.replaceAll('"', '').toLowerCase() === wanted);
      select.value = found ?? '';
    });
    return el('label', { class: 'setting narrow' }, title, select);
  }

  #picture() {
    const pick = () => byId('picture-files').click();
    const button = el('button', { type: 'button', class: 'key', onclick: pick }, t('Choose…'));
    return el('div', { class: 'setting' }, el('span', {}, t('Start from')), button);
  }

  /** Writes a setting into the text, in the place of what excludes it. @param value as it is typed; `null` takes it out */
  async #choose(key, value) {
    if (this.#read.text !== this.#host.text()) await this.#readText();
    const { text, spans } = this.#read;
    const excluded = spans.filter(({ fields }) => fields.some((field) => key.fields.includes(field)));
    let rest = text;
    for (const { start, end } of excluded.toReversed()) {
      const before = rest.slice(0, start).replace(/\s+$/, '');
      rest = `${before}${rest.slice(end)}`;
    }
    rest = rest.trim();
    const written = value === null ? rest : [rest, `${key.name}:${value}`].filter(Boolean).join(' ');
    this.#host.write(written);
    await this.#readText();
  }
}

function quoted(value) {
  return /\s/.test(value) ? `"${value.replaceAll('"', '')}"` : value;
}

function withWeight(name) {
  return `"${name.replaceAll('"', '')}:${USUAL_WEIGHT}"`;
}

/** The nearest of the ratios that people know. */
function ratioOf(width, height) {
  const difference = (ratio) => {
    const [a, b] = ratio.split(':').map(Number);
    return Math.abs(Math.log((width * b) / (height * a)));
  };
  return RATIOS.toSorted((a, b) => difference(a) - difference(b))[0];
}
