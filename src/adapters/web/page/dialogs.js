import { el } from './dom.js';

let lastId = 0;

/** Shows a dialog until it is closed; focus goes back to where it was. Resolves with what `read` gives, or `null`. */
function ask({ title, intro, body, ok, danger, read, locked }) {
  const titleId = `dialog-${++lastId}`;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const cancel = locked ? null : el('button', { type: 'button', class: 'button' }, 'Cancel');
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
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answer = null;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        answer = await read();
        dialog.close();
      } catch (error) {
        problem.textContent = [error.message, error.hint].filter(Boolean).join(' ');
        submit.disabled = false;
      }
    });
    cancel?.addEventListener('click', () => dialog.close());
    dialog.addEventListener('cancel', (event) => locked && event.preventDefault());
    dialog.addEventListener('click', (event) => !locked && event.target === dialog && dialog.close());
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.showModal();
  });
}

function field(label, control) {
  return el('label', { class: 'field' }, label, control);
}

export async function confirm(question, label, danger) {
  return (await ask({ title: question, ok: label, danger, body: null, read: () => true })) === true;
}

/** The form of a button that needs text. `Ctrl Enter` sends it too. */
export function askText({ title, label, value, maxLength }) {
  const area = el('textarea', { maxlength: maxLength, required: true, dir: 'auto', autofocus: true });
  area.value = value;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) area.form.requestSubmit();
  });
  return ask({ title, ok: title, body: field(label, area), read: () => area.value });
}

export function askName(current) {
  const input = el('input', {
    maxlength: 64,
    required: true,
    value: current,
    autocomplete: 'nickname',
    autofocus: true,
  });
  const intro = 'Your pictures, limits and history go by this name.';
  return ask({
    title: 'What should we call you?',
    intro,
    ok: 'Save',
    body: field('Name', input),
    read: () => input.value.trim(),
  });
}

/** Asks until `signIn(token, name)` succeeds. */
export function askToken(name, signIn) {
  const token = el('input', { type: 'password', required: true, autocomplete: 'current-password', autofocus: true });
  const user = el('input', { maxlength: 64, required: true, value: name, autocomplete: 'nickname' });
  return ask({
    title: 'Come in',
    intro: 'This chat is kept private with a token. Whoever runs the bot can give it to you.',
    ok: 'Enter',
    locked: true,
    body: el('div', { class: 'sheet-fields' }, field('Token', token), field('Name', user)),
    read: () => signIn(token.value, user.value.trim()),
  });
}
