import { el } from './dom.js';

/** The first letter of a name, on a colour derived from the name. */
export function avatar(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 3600;
  return el('span', { class: 'avatar', 'aria-hidden': 'true', '--hue': hash % 360 }, [...name][0] ?? '?');
}
