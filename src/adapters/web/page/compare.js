import { closeBeside } from './dialogs.js';
import { el, iconButton } from './dom.js';
import { t } from './texts.js';

/** Shows two pictures side by side, with the settings in which they differ. Both as `api.picture` gives them. */
export function compare(pictures) {
  const dialog = el(
    'dialog',
    { class: 'compare', 'aria-label': t('Two pictures compared') },
    el(
      'div',
      { class: 'compare-head' },
      el('h2', {}, t('Compare')),
      iconButton('close', t('Close'), () => dialog.close()),
    ),
    el('div', { class: 'compare-pictures' }, pictures.map(figure)),
    differences(pictures),
  );
  dialog.addEventListener('close', () => dialog.remove());
  closeBeside(dialog);
  document.body.append(dialog);
  dialog.showModal();
}

function figure({ url, title, width, height }, k) {
  const img = el('img', { src: url, alt: title, width, height });
  return el(
    'figure',
    {},
    img,
    el('figcaption', { dir: 'auto' }, k === 0 ? t('Left: {title}', { title }) : t('Right: {title}', { title })),
  );
}

function differences([left, right]) {
  const valuesOf = ({ fields, title }) =>
    new Map([[t('Prompt'), title], ...fields.map(({ name, value }) => [name, value])]);
  const [a, b] = [valuesOf(left), valuesOf(right)];
  const ids = new Set([t('Picture'), t('Request')]);
  const names = [...new Set([...a.keys(), ...b.keys()])].filter(
    (name) => !ids.has(name) && a.get(name) !== b.get(name),
  );
  if (names.length === 0) return el('p', { class: 'panel-muted' }, t('They were made with the same settings.'));
  const cell = (tag, text) => el(tag, tag === 'th' ? { scope: 'row' } : { dir: 'auto' }, text);
  const rows = names.map((name) =>
    el('tr', {}, cell('th', name), cell('td', a.get(name) ?? '–'), cell('td', b.get(name) ?? '–')),
  );
  const head = el(
    'tr',
    {},
    [t('Setting'), t('Left'), t('Right')].map((text) => el('th', { scope: 'col' }, text)),
  );
  return el(
    'div',
    { class: 'compare-table', tabindex: '0', role: 'group', 'aria-label': t('Settings in which they differ') },
    el('table', {}, el('thead', {}, head), el('tbody', {}, rows)),
  );
}
