import { byId } from './dom.js';
import { loadStyles } from './load-styles.js';
import { NARROW } from './narrow.js';
import { placeAddress, placeShown } from './place.js';
import { t } from './texts.js';

const TEXT = { own: t('Your pictures'), admin: t('Administration') };

/** What each view needs; it is loaded when it is first looked at. */
const VIEWS = {
  gallery: { styles: ['gallery.css', 'picture-panel.css'], load: async () => (await import('./gallery.js')).Gallery },
  admin: { styles: ['queue.css', 'admin.css'], load: async () => (await import('./admin.js')).Admin },
  queue: { styles: ['queue.css'], load: async () => (await import('./queue.js')).Queue },
};

/** The gallery, the queue and the administration in the conversation's place, and the links between them. */
export class Views {
  #host;
  #loaded = new Map();
  #loading = new Map();

  /** @param host of all of them */
  constructor(host) {
    this.#host = host;
    placeLinks();
    NARROW.addEventListener('change', placeLinks);
  }

  /** Shows a view or the conversation, as the page's address says. */
  async show(currentRoom) {
    const { room, view } = placeShown();
    const title = view === 'admin' ? TEXT.admin : view === 'gallery' && room === null ? TEXT.own : null;
    byId('room-title').textContent = title ?? currentRoom;
    byId('room-title').toggleAttribute('data-own', title !== null);
    for (const name of ['chat', 'gallery', 'queue']) {
      const link = byId(`view-${name}`);
      link.href = placeAddress(name, currentRoom);
      mark(link, view === name && title === null);
    }
    mark(byId('my-pictures'), title === TEXT.own);
    mark(byId('admin-link'), view === 'admin');
    byId('scroll').hidden = view !== 'chat';
    byId('dock').hidden = view !== 'chat';
    for (const [name, shown] of this.#loaded) if (name !== view) shown.hide();
    if (view === 'chat') return;
    await this.#load(view);
    // The address may have changed meanwhile.
    const now = placeShown();
    if (now.view === view) this.#loaded.get(view).show(now.room, now.section);
  }

  /** Whoever looked at them is not signed in any more. */
  forget() {
    for (const shown of this.#loaded.values()) {
      shown.hide();
      shown.element.remove();
    }
    this.#loaded.clear();
  }

  /** Pictures of a room came or went. */
  stale(room) {
    this.#loaded.get('gallery')?.stale(room);
  }

  /** Something in the queue is different. */
  queueChanged() {
    this.#loaded.get('queue')?.changed();
  }

  /** A request goes on. */
  stepped(job) {
    this.#loaded.get('queue')?.stepped(job);
  }

  #load(name) {
    const { styles, load } = VIEWS[name];
    const loading = this.#loading.get(name) ?? Promise.all([load(), ...styles.map(loadStyles)]);
    this.#loading.set(name, loading);
    return loading.then(([View]) => {
      if (this.#loaded.has(name)) return;
      const view = new View(this.#host);
      this.#loaded.set(name, view);
      byId('main').append(view.element);
    });
  }
}

/** On a small screen they stand behind the rest of the header, also for who goes through it by keys. */
function placeLinks() {
  const links = document.querySelector('.views');
  if (NARROW.matches) document.querySelector('.top').append(links);
  else byId('room-title').after(links);
}

function mark(link, isCurrent) {
  if (isCurrent) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
}
