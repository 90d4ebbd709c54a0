import { closeBeside } from './dialogs.js';
import { el, iconButton } from './dom.js';
import { t } from './texts.js';

const TEXT = {
  title: t('Help'),
  search: t('Search the help'),
  placeholder: t('Search: size, cancel, seed…'),
  close: t('Close the help'),
  found: (count) => t('{count} entry | {count} entries', { count }),
  none: t('Nothing is called so. Fewer letters find more.'),
  insert: (usage) => t('Put {usage} into the prompt', { usage }),
  groups: { writing: t('How to ask'), setting: t('Settings'), command: t('Commands'), key: t('Keys') },
  keys: [
    ['?', t('this help, while nothing is typed')],
    ['Ctrl+K or /', t('find commands, settings, rooms and recent prompts')],
    [t('Enter'), t('send')],
    [t('Shift+Enter'), t('begin a new line')],
    [t('Up and Down'), t('go through what was sent, while nothing is typed')],
    [t('Tab'), t('take a suggestion')],
    [t('Left and Right'), t('the other pictures of an enlarged one')],
    [t('Escape'), t('close what is open')],
    [t('Arrows, F, Space, Delete'), t('in the gallery: move, keep as a favourite, choose, delete')],
  ],
};

/** Everything that can be typed, with what it means, as `api.help` gives it, to be searched. `onPick(text)` is given what was chosen. */
export function showHelp({ writing, topics }, onPick) {
  const entries = [
    ...writing.map((about) => ({ kind: 'writing', usage: '', about, details: [], insert: null })),
    ...topics,
    ...TEXT.keys.map(([usage, about]) => ({ kind: 'key', usage, about: `${about}.`, details: [], insert: null })),
  ];
  const status = el('p', { class: 'help-count', role: 'status' });
  const list = el('div', { class: 'help-list', tabindex: '0', role: 'region', 'aria-label': TEXT.title });
  const input = el('input', {
    ...{
      type: 'text',
      role: 'searchbox',
      class: 'palette-input',
      'aria-label': TEXT.search,
      placeholder: TEXT.placeholder,
    },
    ...{ autofocus: true, spellcheck: 'false', autocomplete: 'off', oninput: () => draw() },
  });
  const head = el(
    'div',
    { class: 'help-head' },
    el('h2', { id: 'help-title' }, TEXT.title),
    status,
    iconButton('close', TEXT.close, () => dialog.close()),
  );
  const dialog = el('dialog', { class: 'palette panel help', 'aria-labelledby': 'help-title' }, head, input, list);
  const pick = (insert) => {
    dialog.close();
    onPick(insert);
  };

  function draw() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = entries.filter((entry) => {
      const text = [entry.usage, entry.about, ...entry.details].join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    });
    status.textContent = TEXT.found(found.length);
    list.replaceChildren(
      ...Object.entries(TEXT.groups).flatMap(([kind, title]) =>
        group(
          title,
          found.filter((one) => one.kind === kind),
          pick,
        ),
      ),
    );
    if (found.length === 0) list.append(el('p', { class: 'palette-none' }, TEXT.none));
  }

  closeBeside(dialog);
  dialog.addEventListener('keydown', (event) => move(event, [input, ...list.querySelectorAll('button')]));
  dialog.addEventListener('close', () => dialog.remove());
  draw();
  document.body.append(dialog);
  dialog.showModal();
}

function group(title, entries, pick) {
  if (entries.length === 0) return [];
  return [
    el(
      'section',
      { 'aria-label': title },
      el('h3', { class: 'side-title' }, title),
      el(
        'ul',
        {},
        entries.map((entry) => row(entry, pick)),
      ),
    ),
  ];
}

function row({ usage, about, details, insert }, pick) {
  const name =
    insert === null
      ? usage && el('kbd', { class: 'help-name' }, usage)
      : el(
          'button',
          { type: 'button', class: 'help-name', title: TEXT.insert(usage), onclick: () => pick(insert) },
          el('code', {}, usage),
        );
  return el(
    'li',
    { class: 'help-row' },
    name || null,
    el('p', {}, about),
    details.map((detail) => el('p', { class: 'help-detail' }, detail)),
  );
}

/** Up and Down go through the search field and what can be put into the prompt. */
function move(event, stops) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const next = stops[stops.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
