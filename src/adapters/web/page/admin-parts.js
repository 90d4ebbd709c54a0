import { tell } from './announce.js';
import { el } from './dom.js';
import { decimal, t } from './texts.js';

const TEXT = { loading: t('Loading…'), none: t('None.'), done: t('Done.'), actions: t('Actions') };

/**
 * A part of the administration that reads what it shows. `read()` resolves to the children; `run(work, said)` does something, says
 * that it is done or what is wrong, and reads again.
 */
export function adminPart({ title, intro, above = null, read }) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const content = el('div', { class: 'admin-content' }, el('p', { class: 'admin-note' }, TEXT.loading));
  const element = el(
    'section',
    { 'aria-label': title },
    el('h2', { class: 'admin-title' }, title),
    intro && el('p', { class: 'admin-note' }, intro),
    above,
    problem,
    content,
  );
  const say = (error) => {
    problem.textContent = error === null ? '' : [error.message, error.hint].filter(Boolean).join(' ');
  };
  const part = {
    element,
    content,
    /** @returns whether it went well */
    async reload() {
      try {
        const focused = focusedIn(content);
        content.replaceChildren(...(await read()).filter(Boolean));
        focused?.();
        return true;
      } catch (error) {
        say(error);
        return false;
      }
    },
    async run(work, said = TEXT.done) {
      say(null);
      try {
        await work();
      } catch (error) {
        say(error);
        return false;
      }
      tell(said);
      await part.reload();
      return true;
    },
  };
  return part;
}

/** What gives the focus to the same control of what is drawn anew. */
function focusedIn(content) {
  const { activeElement } = document;
  const action = content.contains(activeElement) ? activeElement.dataset.action : undefined;
  if (action === undefined) return undefined;
  return () => [...content.querySelectorAll('[data-action]')].find((one) => one.dataset.action === action)?.focus();
}

/** @param heads an empty one stands above buttons @param rows arrays of cells, in the order of `heads` */
export function table(caption, heads, rows) {
  if (rows.length === 0) return el('p', { class: 'admin-note' }, TEXT.none);
  const labelled = (cells) =>
    cells.map((cell, k) => el('td', { 'data-label': heads[k] }, Array.isArray(cell) ? el('div', {}, cell) : cell));
  return el(
    'div',
    { class: 'admin-table', tabindex: '0', role: 'region', 'aria-label': caption },
    el(
      'table',
      {},
      el('caption', { class: 'visually-hidden' }, caption),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          heads.map((head) =>
            el('th', { scope: 'col' }, head || el('span', { class: 'visually-hidden' }, TEXT.actions)),
          ),
        ),
      ),
      el(
        'tbody',
        {},
        rows.map((cells) => el('tr', {}, labelled(cells))),
      ),
    ),
  );
}

/** A button that waits for what it does. @param spoken what it is about, for who hears only the button */
export function actButton(label, { spoken = label, danger = false, primary = false, action, onclick }) {
  const style = danger ? 'danger' : primary ? 'primary' : null;
  const button = el(
    'button',
    {
      ...{ type: 'button', class: 'button', 'data-style': style, 'data-action': action ?? spoken },
      'aria-label': spoken === label ? null : spoken,
      onclick: async () => {
        if (button.getAttribute('aria-disabled') === 'true') return;
        button.setAttribute('aria-disabled', 'true');
        button.dataset.busy = '';
        try {
          await onclick();
        } finally {
          button.removeAttribute('aria-disabled');
          delete button.dataset.busy;
        }
      },
    },
    label,
  );
  return button;
}

/** `3.97 GB`, `62.9 MB`, `180 B`. */
export function byteSize(bytes) {
  if (bytes >= 1e9) return `${decimal(bytes / 1e9, 2)} GB`;
  if (bytes >= 1e6) return `${decimal(bytes / 1e6, 1)} MB`;
  if (bytes >= 1e3) return `${decimal(bytes / 1e3, 1)} kB`;
  return `${bytes} B`;
}

/** For what belongs to a room. `onChange(room)`; the one that is looked at is chosen at first. */
export function roomPicker(label, { room, rooms, everywhere, onChange }) {
  const options = [
    ...(everywhere ? [el('option', { value: '' }, everywhere)] : []),
    ...[...new Set([room, ...rooms])].map((name) => el('option', { value: name }, `#${name}`)),
  ];
  const select = el('select', { onchange: () => onChange(select.value) }, options);
  select.value = everywhere ? '' : room;
  return el('label', { class: 'admin-pick' }, label, select);
}
