import { copyText } from './copy.js';
import { el, iconButton } from './dom.js';
import { secretIn } from './links.js';
import { t } from './texts.js';

let lastId = 0;
let begun = 0;

/**
 * Shows what has to be loaded first: only the latest of what was asked for, and nothing over what was opened meanwhile. Resolves to what
 * `show(loaded)` resolves to, or to `null`.
 */
export async function showLoaded(load, show) {
  begun += 1;
  const own = begun;
  const loaded = await load();
  return own === begun && !document.querySelector('dialog[open]') ? show(loaded) : null;
}

/**
 * Shows a form as a dialog and gives the focus back when it closes. Resolves to what `read()` returns or resolves to, or to
 * `null` when it was cancelled. When `read` throws, the dialog stays open and shows why. A `locked` one is cancelled by its
 * `signal` alone.
 */
export function ask({ title, intro, body = null, ok, danger = false, locked = false, signal, read }) {
  const titleId = `dialog-${++lastId}`;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const close = () => dialog.close();
  const cancel = locked ? null : el('button', { type: 'button', class: 'button', onclick: close }, t('Cancel'));
  const submit = el('button', { type: 'submit', class: 'button', 'data-style': danger ? 'danger' : 'primary' }, ok);
  const form = el(
    'form',
    {},
    el('div', {}, el('h2', { id: titleId }, title), intro ? el('p', {}, intro) : null),
    body,
    problem,
    el('div', { class: 'sheet-buttons' }, cancel, submit),
  );
  const dialog = el('dialog', { class: 'sheet panel', 'aria-labelledby': titleId }, form);
  let answer = null;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      answer = await read();
      close();
    } catch (error) {
      problem.textContent = [error.message, error.hint].filter(Boolean).join(' ');
      submit.disabled = false;
    }
  });
  dialog.addEventListener('cancel', (event) => locked && event.preventDefault());
  if (!locked) closeBeside(dialog);
  signal?.addEventListener('abort', close);
  return shown(dialog).then(() => answer);
}

/** A click beside what a dialog shows closes it; not the second one of a double click, whose first one may have opened it. */
export function closeBeside(dialog, ground = dialog) {
  ground.addEventListener('click', ({ target, detail }) => target === ground && detail < 2 && dialog.close());
}

/** Resolves when the dialog was closed. */
function shown(dialog) {
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function field(label, control) {
  return el('label', { class: 'field' }, label, control);
}

function nameInput(value, autofocus) {
  return el('input', { maxlength: 64, required: true, value, autocomplete: 'nickname', autofocus });
}

/** Asks a yes-or-no question. `label` is the button that says yes. */
export async function askConfirmation(question, label, danger) {
  return (await ask({ title: question, ok: label, danger, read: () => true })) === true;
}

/** The form of a button that needs text. Ctrl+Enter sends it too. */
export function askText({ title, label, value, maxLength, optional = false }) {
  const area = el('textarea', { maxlength: maxLength, required: !optional, dir: 'auto', autofocus: true });
  area.value = value;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) area.form.requestSubmit();
  });
  return ask({ title, ok: title, body: field(label, area), read: () => area.value });
}

/** Resolves to the name, or to what `save(name)` resolves to. `signal` cancels it. */
export function askName(current, { signal, save = (name) => name } = {}) {
  const input = nameInput(current, true);
  return ask({
    title: t('What should we call you?'),
    intro: t('Your pictures, limits and history are kept under this name.'),
    ok: t('Save'),
    signal,
    body: field(t('Name'), input),
    read: () => save(input.value.trim()),
  });
}

/**
 * Stays open until `signIn(token, name)` succeeds, and resolves to its result; to `null` when `signal` is aborted. A personal
 * link may be pasted in place of the token, and names somebody by itself.
 */
export function askToken(name, signal, signIn) {
  const token = el('input', { type: 'password', required: true, autocomplete: 'current-password', autofocus: true });
  const user = nameInput(name, false);
  const userField = field(t('Name'), user);
  const isPersonal = () =>
    secretIn(token.value) !== null || /^(?:wuerst|invite)_[a-z0-9]+_[a-z0-9]+$/.test(token.value.trim());
  token.addEventListener('input', () => {
    userField.hidden = isPersonal() && !token.value.includes('invite_');
    user.required = !isPersonal();
  });
  return ask({
    title: t('Sign in'),
    intro: t(
      'This chat is private. Paste your personal link or an invitation, or ask whoever runs the bot for the token.',
    ),
    ok: t('Sign in'),
    locked: true,
    signal,
    body: el('div', { class: 'sheet-fields' }, field(t('Token or link'), token), userField),
    read: () => signIn(secretIn(token.value) ?? token.value, user.value.trim() || undefined),
  });
}

/** Resolves to what `invite(name, admin)` resolves to. */
export function askInvitation(invite) {
  const user = el('input', { maxlength: 64, autocomplete: 'off', autofocus: true });
  const admin = el('input', { type: 'checkbox' });
  return ask({
    title: t('Invite somebody'),
    intro: t('They get a link that works once. Leave the name empty to let them choose one.'),
    ok: t('Make a link'),
    body: el(
      'div',
      { class: 'sheet-fields' },
      field(t('Name'), user),
      el('label', { class: 'check' }, admin, t('May change settings, and delete for others')),
    ),
    read: () => invite(user.value.trim(), admin.checked),
  });
}

/** Shows something until it is closed. */
export async function sheet({ title, intro, body }) {
  await askOneButton({ title, intro, body, choices: [] });
}

/** Resolves to the value of the button that was pressed, in `choices` or in `body`; to `null` when it was closed. */
export function askOneButton({ title, intro, body, choices }) {
  const titleId = `dialog-${++lastId}`;
  const buttons = choices.map(({ value, label }) => el('button', { class: 'button', value }, label));
  const close = el('button', { class: 'button', 'data-style': 'primary', value: '', autofocus: true }, t('Close'));
  const form = el(
    'form',
    { method: 'dialog' },
    el('div', {}, el('h2', { id: titleId }, title), intro ? el('p', {}, intro) : null),
    body,
    el('div', { class: 'sheet-buttons' }, buttons, close),
  );
  const dialog = el('dialog', { class: 'sheet panel', 'aria-labelledby': titleId }, form);
  closeBeside(dialog);
  return shown(dialog).then(() => dialog.returnValue || null);
}

/** A text to copy, which can be selected too. */
export function copyField(label, text) {
  const input = el('input', { readonly: true, value: text, spellcheck: 'false', onfocus: () => input.select() });
  const button = iconButton('copy', t('Copy: {label}', { label }), () => copyText(text, () => input.select()));
  return el('div', { class: 'copy-field' }, field(label, input), button);
}
