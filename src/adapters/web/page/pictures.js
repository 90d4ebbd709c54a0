import { el } from './dom.js';
import { openLightbox } from './lightbox.js';

const WIDTHS = [320, 640, 960];

export function thumbnail(image, sizes) {
  const set = WIDTHS.map((width) => `${image.url}?w=${width} ${width}w`).join(', ');
  // Not loaded lazily: a picture that just came is what everybody waits for.
  return el('img', {
    src: `${image.url}?w=640`,
    srcset: set,
    sizes,
    alt: image.alt,
    width: image.width,
    height: image.height,
    decoding: 'async',
    draggable: 'false',
  });
}

export function columnsFor(count) {
  if (count <= 1) return 1;
  return count <= 4 ? 2 : 3;
}

/** Pixels that the grid may be wide, so that a tall picture still fits a screen. */
export function gridWidth(count, shape) {
  if (count > 1) return `${columnsFor(count) === 2 ? 34 : 42}rem`;
  return `min(34rem, ${Math.round(62 * shape)}vh)`;
}

/** A finished picture. Shown large on a click; a covered one is uncovered first. */
export function pictureTile(image, context) {
  const { images, number, covered, onUncover } = context;
  const label = covered ? `Covered picture ${number}: show it` : `Enlarge: ${image.alt}`;
  const sizes = images.length > 1 ? '(max-width: 52rem) 48vw, 17rem' : '(max-width: 52rem) 94vw, 34rem';
  const img = thumbnail(image, sizes);
  if (covered) img.alt = 'Covered picture';
  const tile = el(
    'button',
    {
      type: 'button',
      class: 'picture',
      'aria-label': label,
      'data-action': `enlarge:${image.id}`,
      'data-image': image.id,
      'data-spoiler': covered ? '' : null,
      '--shape': image.width / image.height,
    },
    img,
    images.length > 1 ? el('span', { class: 'number', 'aria-hidden': 'true' }, String(number)) : null,
  );
  tile.addEventListener('click', () => (covered ? onUncover() : openLightbox(number - 1, context)));
  return tile;
}

/** The place of a picture that is still to come. */
export function comingTile(state, shape) {
  return el('div', { class: `picture ${state}`, '--shape': shape, 'aria-hidden': 'true' });
}
