import { byId } from './dom.js';

/** The list of rooms on a small screen: a drawer over the conversation. */
export function sideDrawer() {
  const side = byId('side');
  const opener = byId('side-open');
  const set = (open) => {
    if (open === side.hasAttribute('data-open')) return;
    side.toggleAttribute('data-open', open);
    opener.setAttribute('aria-expanded', String(open));
    (open ? byId('side-close') : opener).focus();
  };
  const close = () => set(false);
  opener.addEventListener('click', () => set(true));
  byId('side-close').addEventListener('click', close);
  byId('scrim').addEventListener('click', close);
  side.addEventListener('keydown', (event) => event.key === 'Escape' && close());
  return { close };
}
