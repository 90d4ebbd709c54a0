import { byId } from './dom.js';

/** The list of rooms on a small screen: a drawer that opens over the conversation. */
export function sideDrawer() {
  const side = byId('side');
  const opener = byId('side-open');
  const set = (open) => {
    if (open === side.hasAttribute('data-open')) return;
    side.toggleAttribute('data-open', open);
    opener.setAttribute('aria-expanded', String(open));
    (open ? byId('side-close') : opener).focus();
  };
  opener.addEventListener('click', () => set(true));
  byId('side-close').addEventListener('click', () => set(false));
  byId('scrim').addEventListener('click', () => set(false));
  side.addEventListener('keydown', (event) => event.key === 'Escape' && set(false));
  return { close: () => set(false) };
}
