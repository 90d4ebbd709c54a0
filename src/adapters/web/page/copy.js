import { tell } from './announce.js';
import { t } from './texts.js';

/** Copies a text. Browsers allow that only over HTTPS and on this machine: elsewhere `select` prepares it for a key. */
export async function copyText(text, select) {
  try {
    await navigator.clipboard.writeText(text);
    tell(t('Copied.'));
  } catch {
    select();
    tell(t('Selected. Press Ctrl+C or ⌘C to copy it.'));
  }
}
