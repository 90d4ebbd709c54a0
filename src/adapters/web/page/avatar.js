import { el } from './dom.js';

/** The first letter of a name on a colour of its own. */
export function avatar(name) {
  const sign = el('span', { class: 'avatar', 'aria-hidden': 'true' });
  paintAvatar(sign, name);
  return sign;
}

export function paintAvatar(sign, name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 3600;
  sign.style.setProperty('--hue', String(hash % 360));
  sign.textContent = [...name][0] ?? '?';
}
