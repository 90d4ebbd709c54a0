/**
 * Makes an element. A property that starts with `--` sets a style, `onclick` and the like add a listener, any other sets an
 * attribute. Strings become text nodes, so nothing that people wrote is ever read as HTML.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('--')) element.style.setProperty(name, String(value));
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

const SVG = 'http://www.w3.org/2000/svg';
/** Paths of one stroke on a grid of 20. */
const ICONS = {
  picture: 'M3 4h14v12H3zM6 13l3-4 2.5 3 2-2 2.5 3M12.5 7.5h.01',
  close: 'M5 5l10 10M15 5L5 15',
  left: 'M12.5 4l-6 6 6 6',
  right: 'M7.5 4l6 6-6 6',
  download: 'M10 3v10M5.5 9l4.5 4.5L14.5 9M4 17h12',
  star: 'M10 2.8l2.2 4.6 5 .7-3.6 3.5.9 5L10 14.2l-4.5 2.4.9-5L2.8 8.1l5-.7z',
  search: 'M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13 13l4 4',
  copy: 'M7 7V4h9v9h-3M4 7h9v9H4z',
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  const stroke = document.createElementNS(SVG, 'path');
  stroke.setAttribute('d', ICONS[name]);
  svg.append(stroke);
  return svg;
}

/** A button that shows only an icon. */
export function iconButton(name, label, onclick, extraClass = '') {
  const properties = { type: 'button', class: `icon-button ${extraClass}`, 'aria-label': label, onclick };
  return el('button', properties, icon(name));
}

/** Replaces the children only when what they show has changed, so that focus and scroll position stay. */
export function redraw(container, shown, draw) {
  const key = JSON.stringify(shown);
  if (container.shownKey === key) return;
  container.shownKey = key;
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.action : undefined;
  container.replaceChildren(...draw().filter(Boolean));
  if (focused === undefined) return;
  const again = [...container.querySelectorAll('[data-action]')].find((button) => button.dataset.action === focused);
  (again ?? container.closest('.turn') ?? container).focus();
}
