import { el } from './dom.js';

let lastId = 0;

/**
 * Shows a form as a dialog and gives the focus back when it closes. Resolves to what `read()` returns or resolves to, or to
 * `null` when it was cancelled. When `read` throws, the dialog stays open and shows why. A `locked` one is cancelled by its
 * `signal` alone.
 */
function ask({ title, intro, body = null, ok, danger = false, locked = false, signal, read }) {
  const titleId = `dialog-${++lastId}`;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const close = () => dialog.close();
  const cancel = locked ? null : el('button', { type: 'button', class: 'button', onclick: close }, 'Cancel');
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
  dialog.addEventListener('click', (event) => !locked && event.target === dialog && close());
  signal?.addEventListener('abort', close);
  return shown(dialog).then(() => answer);
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

function field(label, control) {
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
export function askText({ title, label, value, maxLength }) {
  const area = el('textarea', { maxlength: maxLength, required: true, dir: 'auto', autofocus: true });
  area.value = value;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) area.form.requestSubmit();
  });
  return ask({ title, ok: title, body: field(label, area), read: () => area.value });
}

export function askName(current) {
  const input = nameInput(current, true);
  return ask({
    title: 'What should we call you?',
    intro: 'Your pictures, limits and history are kept under this name.',
    ok: 'Save',
    body: field('Name', input),
    read: () => input.value.trim(),
  });
}

/** Stays open until `signIn(token, name)` succeeds, and resolves to its result; to `null` when `signal` is aborted. */
export function askToken(name, signIn, signal) {
  const token = el('input', { type: 'password', required: true, autocomplete: 'current-password', autofocus: true });
  const user = nameInput(name, false);
  return ask({
    title: 'Sign in',
    intro: 'This chat is private. Ask whoever runs the bot for the token.',
    ok: 'Sign in',
    locked: true,
    signal,
    body: el('div', { class: 'sheet-fields' }, field('Token', token), field('Name', user)),
    read: () => signIn(token.value, user.value.trim()),
  });
}
