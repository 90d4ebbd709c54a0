/** Whether a key goes into a text. Not while the prompt is empty: then a single letter may open something. */
export function isWriting({ target }) {
  if (target.id === 'prompt') return target.value !== '';
  return Boolean(target.closest?.('input, textarea, select, dialog'));
}
