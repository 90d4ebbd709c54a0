import { el } from './dom.js';
import { openLightbox } from './lightbox.js';
import { t } from './texts.js';

const WIDTHS = [320, 640, 960];

export function thumbnail(image, sizes) {
  // Not loaded lazily: a picture that has just been made is what everybody is waiting for.
  return el('img', {
    src: `${image.url}?w=640`,
    srcset: WIDTHS.map((width) => `${image.url}?w=${width} ${width}w`).join(', '),
    sizes,
    alt: image.alt,
    width: image.width,
    height: image.height,
    decoding: 'async',
    draggable: 'false',
  });
}

/** The grid for this many pictures. `shape` is width by height; a single tall picture is narrowed so that it fits a screen. */
export function gridFor(count, shape) {
  if (count <= 1) return { columns: 1, width: `min(34rem, ${Math.round(62 * shape)}vh)` };
  return count <= 4 ? { columns: 2, width: '34rem' } : { columns: 3, width: '42rem' };
}

/** A finished picture. A click enlarges it, or uncovers it first. */
export function pictureTile(image, context) {
  const { images, number, covered, picked, onUncover } = context;
  const single = images.length === 1;
  const img = thumbnail(image, `(width <= 52rem) ${single ? '94vw, 34rem' : '48vw, 17rem'}`);
  if (covered) img.alt = t('Covered picture');
  return el(
    'button',
    {
      type: 'button',
      class: 'picture',
      'aria-label': covered ? t('Covered picture {number}: show it', { number }) : enlarging(image.alt, number, single),
      'data-action': `enlarge:${image.id}`,
      'data-image': image.id,
      'data-spoiler': covered,
      'data-picked': picked && !single,
      '--shape': image.width / image.height,
      onclick: () => (covered ? onUncover() : openLightbox(number - 1, context)),
    },
    img,
    single ? null : el('span', { class: 'number', 'aria-hidden': 'true' }, String(number)),
  );
}

function enlarging(title, number, single) {
  return single ? t('Enlarge: {title}', { title }) : t('Enlarge picture {number}: {title}', { number, title });
}

/** The place of a picture that is being made (`coming`) or has not been started (`waiting`). */
export function placeholderTile(state, shape, content = null) {
  return el('div', { class: `picture ${state}`, '--shape': shape, 'aria-hidden': 'true' }, content);
}

/** Shows one picture of a preview that holds `count` on a grid, row by row. */
export function previewPart(place, count) {
  const columns = Math.ceil(Math.sqrt(count));
  const grid = { '--sheet-columns': columns, '--sheet-rows': Math.ceil(count / columns) };
  const cell = { '--sheet-column': place % columns, '--sheet-row': Math.floor(place / columns) };
  return el('span', { class: 'preview', ...grid, ...cell }, el('img', { alt: '' }));
}
