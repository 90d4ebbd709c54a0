import { byId, el } from './dom.js';

const SHOWN_MS = 6000;

/** Reads a text out to users of screen readers, after what is being read now. */
export function announce(text) {
  const announcer = byId('announcer');
  announcer.append(el('p', {}, text));
  while (announcer.childElementCount > 5) announcer.firstElementChild.remove();
}

/** Tells something that nothing else on the page shows: for a while, in front of what is open, and to users of screen readers. */
export function tell(text) {
  announce(text);
  document.querySelector('.told')?.remove();
  const told = el('p', { class: 'told', 'aria-hidden': 'true' }, text);
  ([...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body).append(told);
  setTimeout(() => told.remove(), SHOWN_MS);
}
