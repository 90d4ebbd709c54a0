import { byId } from './dom.js';
import { NARROW } from './narrow.js';

/** The list of rooms on a small screen: a drawer over the conversation, which cannot be used meanwhile. */
export function sideDrawer() {
  const side = byId('side');
  const opener = byId('side-open');
  const set = (open) => {
    if (open === side.hasAttribute('data-open')) return;
    side.toggleAttribute('data-open', open);
    opener.setAttribute('aria-expanded', String(open));
    for (const covered of [byId('main'), document.querySelector('.skip')]) covered.inert = open;
    (open ? byId('side-close') : opener).focus();
  };
  const close = () => set(false);
  opener.addEventListener('click', () => set(true));
  byId('side-close').addEventListener('click', close);
  byId('scrim').addEventListener('click', close);
  // On a wide screen it stands beside the conversation.
  NARROW.addEventListener('change', close);
  side.addEventListener('keydown', (event) => event.key === 'Escape' && close());
  return { close };
}
