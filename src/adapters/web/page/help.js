import { tell } from './announce.js';
import { api } from './api.js';
import { showLoaded } from './dialogs.js';
import { byId } from './dom.js';
import { loadStyles } from './load-styles.js';
import { isWriting } from './writing.js';

/**
 * Opens the help by its button, and by `?` while nothing is typed in; it is loaded then. Returns what opens it. `host`: `who()` →
 * `{ room, user }`, `onPick(text)`.
 */
export function helpOpener(host) {
  const open = async () => {
    const { room, user } = host.who();
    const load = () => Promise.all([api.help(room, user), import('./help-sheet.js'), loadStyles('help.css')]);
    try {
      await showLoaded(load, ([help, { showHelp }]) => showHelp(help, host.onPick));
    } catch (error) {
      tell(error.message);
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
