import { byId, el } from './dom.js';

/** Reads a text out to users of screen readers, after what is being read now. */
export function announce(text) {
  const announcer = byId('announcer');
  announcer.append(el('p', {}, text));
  while (announcer.childElementCount > 5) announcer.firstElementChild.remove();
}
