import { announce } from './announce.js';
import { buttonRow } from './buttons.js';
import { el, ICONS, icon } from './dom.js';
import { thumbnail } from './pictures.js';

/** A reply that is not a job's: help, settings, a question, an error. */
export function note(reply, act) {
  return el(
    'div',
    { class: 'note panel', 'data-tone': reply.tone },
    reply.title ? el('p', { class: 'note-title', dir: 'auto' }, reply.title) : null,
    reply.lines.map((line) => el('p', { class: 'note-line', dir: 'auto' }, line)),
    pictures(reply),
    fields(reply.fields),
    reply.code === null ? null : codeBlock(reply.code),
    buttonRow(reply.buttons.flat(), act),
  );
}

/** Beside a list they are a reminder; alone they are what was asked for. */
function pictures({ images, fields }) {
  if (images.length === 0) return null;
  const small = images.length > 1 || fields.length > 0;
  return el(
    'div',
    { class: 'note-pictures', 'data-small': small ? '' : null },
    images.map((image) =>
      el(
        'div',
        { class: 'picture', '--shape': image.width / image.height },
        thumbnail(image, small ? '9rem' : '32rem'),
      ),
    ),
  );
}

function fields(list) {
  if (list.length === 0) return null;
  return el(
    'dl',
    { class: 'fields' },
    list.flatMap(({ name, value }) => [el('dt', { dir: 'auto' }, name), el('dd', { dir: 'auto' }, value)]),
  );
}

function codeBlock(code) {
  const copy = el(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': 'Copy', 'data-action': 'copy' },
    icon(ICONS.copy),
  );
  const text = el('code', { dir: 'auto' }, code);
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code);
      announce('Copied.');
    } catch {
      // Browsers keep the clipboard from pages that came without TLS: mark the text, so that a key copies it.
      getSelection().selectAllChildren(text);
      announce('Marked. Copy it with the keyboard.');
    }
  });
  return el('div', { class: 'code' }, text, copy);
}
