import { byId } from './dom.js';

/** Says something to screen readers, after what they are saying now. */
export function announce(text) {
  const line = document.createElement('p');
  line.textContent = text;
  const announcer = byId('announcer');
  announcer.append(line);
  while (announcer.childElementCount > 5) announcer.firstElementChild.remove();
}
