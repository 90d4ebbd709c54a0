import { replyButton } from './buttons.js';
import { closeBeside } from './dialogs.js';
import { el, icon, iconButton } from './dom.js';
import { t } from './texts.js';

const SWIPE_PIXELS = 50;

/**
 * Shows one picture of an answer over the whole page. The arrow keys and swipes change the picture, Escape closes.
 * `context`: `images`, `buttonsOf(imageId)`, `act(action, text)`, `title`.
 */
export function openLightbox(start, context) {
  new Lightbox(context).open(start);
}

class Lightbox {
  #context;
  #index = 0;
  #touchedAt = null;
  #picture = el('img');
  #count = el('span', { class: 'lightbox-count', 'aria-live': 'polite' });
  #download = el('a', { class: 'icon-button', 'aria-label': t('Download') }, icon('download'));
  #foot = el('div', { class: 'lightbox-foot' });
  #dialog;

  constructor(context) {
    this.#context = context;
    const close = () => this.#dialog.close();
    const title = el('p', { class: 'lightbox-title one-line', dir: 'auto' }, context.title);
    const closeButton = iconButton('close', t('Close'), close);
    closeButton.autofocus = true;
    const arrows = [
      iconButton('left', t('Previous picture'), () => this.#turn(-1), 'previous'),
      iconButton('right', t('Next picture'), () => this.#turn(1), 'next'),
    ];
    const stage = el('div', { class: 'lightbox-stage' }, this.#picture, context.images.length > 1 ? arrows : []);
    stage.addEventListener('touchstart', (event) => this.#touch(event), { passive: true });
    stage.addEventListener('touchend', (event) => this.#release(event));
    this.#dialog = el(
      'dialog',
      { class: 'lightbox', 'aria-label': t('Picture'), onkeydown: (event) => this.#key(event) },
      el('div', { class: 'lightbox-top' }, title, this.#count, this.#download, closeButton),
      stage,
      this.#foot,
    );
    closeBeside(this.#dialog, stage);
    this.#dialog.addEventListener('close', () => this.#dialog.remove());
  }

  open(index) {
    document.body.append(this.#dialog);
    this.#show(index);
    this.#dialog.showModal();
  }

  #turn(step) {
    const { length } = this.#context.images;
    this.#show((this.#index + step + length) % length);
  }

  #show(index) {
    const { images, buttonsOf } = this.#context;
    this.#index = index;
    const image = images[index];
    this.#picture.alt = image.alt;
    this.#picture.style.setProperty('--shape', String(image.width / image.height));
    this.#picture.style.setProperty('--width', `${image.width}px`);
    this.#load(image);
    const size = `${image.width} × ${image.height}`;
    const place = { number: index + 1, all: images.length, size };
    this.#count.textContent = images.length > 1 ? t('{number} of {all} · {size}', place) : size;
    this.#download.href = image.url;
    this.#download.download = image.fileName;
    const act = (action, text) => this.#act(action, text);
    this.#foot.replaceChildren(...buttonsOf(image.id).map((button) => replyButton(button, act)));
  }

  /** The thumbnail is usually cached. The full picture replaces it once it is loaded. */
  #load(image) {
    this.#picture.src = `${image.url}?w=640`;
    const full = new Image();
    full.onload = () => {
      if (this.#context.images[this.#index] === image) this.#picture.src = image.url;
    };
    full.src = image.url;
  }

  async #act(action, text) {
    await this.#context.act(action, text);
    this.#dialog.close();
  }

  #key(event) {
    if (event.key === 'ArrowLeft') this.#turn(-1);
    if (event.key === 'ArrowRight') this.#turn(1);
  }

  #touch({ touches }) {
    this.#touchedAt = touches.length === 1 ? touches[0].clientX : null;
  }

  #release({ changedTouches }) {
    const way = this.#touchedAt === null ? 0 : changedTouches[0].clientX - this.#touchedAt;
    if (Math.abs(way) > SWIPE_PIXELS) this.#turn(way < 0 ? 1 : -1);
  }
}
