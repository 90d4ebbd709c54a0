import { el, redraw } from './dom.js';
import { t } from './texts.js';

const TEXT = {
  name: t('Administration'),
  sections: t('Parts of the administration'),
  notYours: t('Only admins can look after this bot'),
  askFor: t('Ask whoever runs it for an invitation as an admin, or sign in with the token of the admins.'),
  broken: t('This part cannot be shown.'),
};

const SECTIONS = {
  rules: { label: t('Rules'), load: async () => (await import('./admin-rules.js')).rulesPart },
  people: { label: t('People'), load: async () => (await import('./admin-people.js')).peoplePart },
  painters: { label: t('Painters'), load: async () => (await import('./admin-painters.js')).paintersPart },
  models: { label: t('Models'), load: async () => (await import('./admin-models.js')).modelsPart },
  prompts: { label: t('Presets and wildcards'), load: async () => (await import('./admin-prompts.js')).promptsPart },
  keys: { label: t('API keys'), load: async () => (await import('./admin-keys.js')).keysPart },
  changes: { label: t('Changes'), load: async () => (await import('./admin-changes.js')).changesPart },
  failures: { label: t('Failures'), load: async () => (await import('./admin-failures.js')).failuresPart },
  disk: { label: t('Disk'), load: async () => (await import('./admin-disk.js')).diskPart },
};
const FIRST = 'rules';

/** What admins look after. Each part is loaded when it is first looked at. `host`: `user()`, `room()`, `rooms()`, `isAdmin()`. */
export class Admin {
  element = el('section', { class: 'admin', 'aria-label': TEXT.name });
  #host;
  #links = el('nav', { class: 'admin-nav', 'aria-label': TEXT.sections });
  #body = el('div', { class: 'admin-body' });
  #shown = null;
  #part = null;

  constructor(host) {
    this.#host = host;
    this.element.append(this.#links, this.#body);
  }

  async show(_room, section) {
    this.element.hidden = false;
    const name = section in SECTIONS ? section : FIRST;
    if (!this.#host.isAdmin()) return this.#refuse();
    this.#links.hidden = false;
    redraw(this.#links, [name], () =>
      Object.entries(SECTIONS).map(([key, { label }]) =>
        el('a', { href: `#/admin/${key}`, 'aria-current': key === name ? 'page' : null, 'data-action': key }, label),
      ),
    );
    if (this.#shown === name) return;
    this.#leave();
    this.#shown = name;
    try {
      const open = await SECTIONS[name].load();
      if (this.#shown !== name) return;
      this.#part = open(this.#host);
      this.#body.replaceChildren(this.#part.element);
    } catch (error) {
      this.#shown = null;
      this.#body.replaceChildren(
        el(
          'p',
          { class: 'problem', role: 'alert' },
          [TEXT.broken, error.message, error.hint].filter(Boolean).join(' '),
        ),
      );
    }
  }

  hide() {
    this.element.hidden = true;
    this.#leave();
    this.#body.replaceChildren();
  }

  #leave() {
    this.#part?.close?.();
    this.#part = null;
    this.#shown = null;
  }

  #refuse() {
    this.#leave();
    this.#links.hidden = true;
    this.#body.replaceChildren(
      el('div', { class: 'queue-empty' }, el('h2', {}, TEXT.notYours), el('p', {}, TEXT.askFor)),
    );
  }
}
