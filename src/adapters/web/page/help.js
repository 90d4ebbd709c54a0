import { announce } from './announce.js';
import { byId } from './dom.js';
import { loadStyles } from './load-styles.js';
import { isWriting } from './writing.js';

/**
 * Opens the help by its button, and by `?` while nothing is typed in; it is loaded then. Returns what opens it. `host`: `who()` →
 * `{ room, user }`, `onPick(text)`.
 */
export function helpOpener(host) {
  const open = async () => {
    if (document.querySelector('dialog[open]')) return;
    try {
      const [{ showHelp }] = await Promise.all([import('./help-sheet.js'), loadStyles('help.css')]);
      await showHelp(host);
    } catch (error) {
      announce(error.message);
    }
  };
  byId('help').addEventListener('click', open);
  addEventListener('keydown', (event) => {
    if (event.key !== '?' || event.ctrlKey || event.metaKey || isWriting(event)) return;
    event.preventDefault();
    open();
  });
  return open;
}
