import { ask, field } from './dialogs.js';
import { el } from './dom.js';

/**
 * A form of several fields. Resolves to what `save(values)` resolves to, and to `null` when it was cancelled.
 * @param fields `{ key, label, value, choices?, long?, optional?, readonly?, accept? }`: with `accept` a file
 */
export function askFields({ title, intro, ok, fields, save }) {
  const inputs = fields.map((one, k) => [one.key, controlFor(one, k === 0)]);
  const value = (control) => (control.type === 'file' ? control.files[0] : control.value);
  return ask({
    ...{ title, intro, ok },
    body: el(
      'div',
      { class: 'sheet-fields' },
      fields.map(({ label }, k) => field(label, inputs[k][1])),
    ),
    read: () => save(Object.fromEntries(inputs.map(([key, control]) => [key, value(control)]))),
  });
}

/** Several yes-or-no choices. Resolves to the values of those that were chosen. @param choices `{ value, label, checked? }` */
export function askChecked({ title, intro, ok, choices }) {
  const boxes = choices.map(({ value, label, checked = false }) => {
    const box = el('input', { type: 'checkbox', value });
    box.checked = checked;
    return { box, row: el('label', { class: 'check' }, box, label) };
  });
  return ask({
    ...{ title, intro, ok },
    body: el(
      'div',
      { class: 'sheet-fields' },
      boxes.map(({ row }) => row),
    ),
    read: () => boxes.filter(({ box }) => box.checked).map(({ box }) => box.value),
  });
}

function controlFor({ value = '', choices, long, optional, readonly, accept }, autofocus) {
  if (accept !== undefined) return el('input', { type: 'file', accept, required: true });
  if (choices !== undefined) {
    const select = el(
      'select',
      {},
      choices.map((choice) => el('option', { value: choice.value }, choice.label)),
    );
    select.value = value;
    return select;
  }
  const about = { autofocus: autofocus && !readonly, required: !optional, readonly, dir: 'auto' };
  if (!long) return el('input', { ...about, value, autocomplete: 'off', spellcheck: 'false' });
  const area = el('textarea', { ...about, rows: 6 });
  area.value = value;
  return area;
}
