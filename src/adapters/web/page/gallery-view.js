import { byId, el } from './dom.js';
import { galleryAddress, placeShown } from './place.js';

const STYLES = ['gallery.css', 'picture-panel.css'];

/** The gallery in the conversation's place, which is loaded when it is first looked at; and the links between the two. */
export class GalleryView {
  #host;
  #gallery = null;
  #loading = null;

  /** @param host of the gallery */
  constructor(host) {
    this.#host = host;
  }

  /** Shows the gallery or the conversation, as the page's address says. */
  async show(currentRoom) {
    const { room, view } = placeShown();
    const isGallery = view === 'gallery';
    const isOwn = isGallery && room === null;
    byId('room-title').textContent = isOwn ? 'Your pictures' : currentRoom;
    byId('room-title').toggleAttribute('data-own', isOwn);
    const [chat, gallery] = [byId('view-chat'), byId('view-gallery')];
    chat.href = `#${currentRoom}`;
    gallery.href = galleryAddress(currentRoom);
    mark(chat, !isGallery);
    mark(gallery, isGallery && !isOwn);
    mark(byId('my-pictures'), isOwn);
    byId('scroll').hidden = isGallery;
    byId('dock').hidden = isGallery;
    if (!isGallery) return this.#gallery?.hide();
    await this.#load();
    // The address may have changed meanwhile.
    const now = placeShown();
    if (now.view === 'gallery') this.#gallery.show(now.room);
  }

  /** Pictures of a room came or went. */
  stale(room) {
    this.#gallery?.stale(room);
  }

  #load() {
    this.#loading ??= Promise.all([import('./gallery.js'), ...STYLES.map(loadStyles)]).then(([{ Gallery }]) => {
      this.#gallery = new Gallery(this.#host);
      byId('main').append(this.#gallery.element);
    });
    return this.#loading;
  }
}

function mark(link, isCurrent) {
  if (isCurrent) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
}

function loadStyles(name) {
  const link = el('link', { rel: 'stylesheet', href: new URL(name, import.meta.url).pathname });
  return new Promise((resolve) => {
    link.addEventListener('load', resolve);
    // Without styles is better than not at all.
    link.addEventListener('error', resolve);
    document.head.append(link);
  });
}
