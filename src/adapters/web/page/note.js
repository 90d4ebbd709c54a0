import { buttonRow } from './buttons.js';
import { copyText } from './copy.js';
import { el, icon, iconButton } from './dom.js';
import { thumbnail } from './pictures.js';
import { t } from './texts.js';

/** Characters of a text that is better kept as a file. */
const LONG_CODE = 1500;

/** A reply that is not a job's: help, settings, a question, an error. */
export function note(reply, act) {
  const { tone = 'normal', title = '', lines = [], fields = [], images = [], buttons = [], code = null } = reply;
  return el(
    'div',
    { class: 'note panel', 'data-tone': tone },
    title === '' ? null : el('p', { class: 'note-title', dir: 'auto' }, title),
    lines.map((line) => el('p', { class: 'note-line', dir: 'auto' }, line)),
    pictureList(images, fields),
    fieldList(fields),
    code === null ? null : codeBlock(code),
    buttonRow(buttons.flat(), act),
  );
}

/** Small beside fields or other pictures, large where one picture is the whole answer. */
function pictureList(images, fields) {
  if (images.length === 0) return null;
  const small = images.length > 1 || fields.length > 0;
  const shown = images.map((image) => {
    const shape = image.width / image.height;
    return el('div', { class: 'picture', '--shape': shape }, thumbnail(image, small ? '9rem' : '32rem'));
  });
  return el('div', { class: 'note-pictures', 'data-small': small }, shown);
}

function fieldList(fields) {
  if (fields.length === 0) return null;
  const rows = fields.flatMap(({ name, value }) => [el('dt', { dir: 'auto' }, name), el('dd', { dir: 'auto' }, value)]);
  return el('dl', { class: 'fields' }, rows);
}

function codeBlock(code) {
  const isLong = code.length > LONG_CODE;
  const text = el('code', { dir: 'auto', tabindex: isLong && '0' }, code);
  const button = iconButton('copy', t('Copy'), () => {
    copyText(text.textContent, () => getSelection().selectAllChildren(text));
  });
  button.dataset.action = 'copy';
  return el('div', { class: 'code' }, text, isLong && fileLink(code), button);
}

function fileLink(code) {
  const href = URL.createObjectURL(new Blob([code]));
  const download = /^[[{]/.test(code) ? 'wuerst.json' : 'wuerst.txt';
  return el('a', { class: 'icon-button', href, download, 'aria-label': t('Download') }, icon('download'));
}
