import { replyButton } from './buttons.js';
import { el, ICONS, icon } from './dom.js';

/**
 * One picture of an answer over the whole page. Arrow keys go through them, Escape closes.
 * `context`: `images`, `buttonsOf(imageId)`, `act(action, text)`, `title`.
 */
export function openLightbox(start, context) {
  const { images, title } = context;
  let index = start;
  const picture = el('img', {});
  const count = el('span', { class: 'lightbox-count', 'aria-live': 'polite' });
  const download = el('a', { class: 'icon-button', 'aria-label': 'Download' }, icon(ICONS.download));
  const close = el(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': 'Close', autofocus: true },
    icon(ICONS.close),
  );
  const previous = el(
    'button',
    { type: 'button', class: 'icon-button previous', 'aria-label': 'Previous picture' },
    icon(ICONS.left),
  );
  const next = el(
    'button',
    { type: 'button', class: 'icon-button next', 'aria-label': 'Next picture' },
    icon(ICONS.right),
  );
  const foot = el('div', { class: 'lightbox-foot' });
  const stage = el('div', { class: 'lightbox-stage' }, picture, ...(images.length > 1 ? [previous, next] : []));
  const top = el(
    'div',
    { class: 'lightbox-top' },
    el('p', { class: 'lightbox-title one-line', dir: 'auto' }, title),
    count,
    download,
    close,
  );
  const dialog = el('dialog', { class: 'lightbox', 'aria-label': 'Picture' }, top, stage, foot);

  const act = async (action, text) => {
    await context.act(action, text);
    dialog.close();
  };
  const show = (to) => {
    index = (to + images.length) % images.length;
    const image = images[index];
    picture.alt = image.alt;
    // The small one is there already; the full one takes its place when it has come.
    picture.src = `${image.url}?w=640`;
    const full = new Image();
    full.onload = () => {
      if (images[index] === image) picture.src = image.url;
    };
    full.src = image.url;
    count.textContent = `${images.length > 1 ? `${index + 1} of ${images.length} · ` : ''}${image.width} × ${image.height}`;
    download.href = image.url;
    download.download = image.fileName;
    foot.replaceChildren(...context.buttonsOf(image.id).map((button) => replyButton(button, act)));
  };

  previous.addEventListener('click', () => show(index - 1));
  next.addEventListener('click', () => show(index + 1));
  close.addEventListener('click', () => dialog.close());
  stage.addEventListener('click', (event) => event.target === stage && dialog.close());
  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') show(index - 1);
    if (event.key === 'ArrowRight') show(index + 1);
  });
  swipe(stage, (step) => images.length > 1 && show(index + step));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  show(start);
  dialog.showModal();
}

function swipe(stage, turn) {
  let from = null;
  stage.addEventListener(
    'touchstart',
    (event) => {
      from = event.touches.length === 1 ? event.touches[0].clientX : null;
    },
    { passive: true },
  );
  stage.addEventListener('touchend', (event) => {
    const way = from === null ? 0 : event.changedTouches[0].clientX - from;
    if (Math.abs(way) > 50) turn(way < 0 ? 1 : -1);
  });
}
