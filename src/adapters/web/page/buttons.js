import { askConfirmation, askText } from './dialogs.js';
import { el } from './dom.js';

/** A button of a reply. `act(action, text)` sends it; further clicks do nothing until it is answered. */
export function replyButton(button, act) {
  const element = el(
    'button',
    {
      type: 'button',
      class: 'button',
      'data-style': button.style,
      'data-action': button.action,
      'aria-disabled': button.disabled ? 'true' : null,
      onclick: () => press(element, button, act),
    },
    button.short ?? button.label,
  );
  return element;
}

async function press(element, button, act) {
  if (element.getAttribute('aria-disabled') === 'true') return;
  if (button.confirm && !(await askConfirmation(button.confirm, button.label, button.style === 'danger'))) return;
  const text = button.ask ? await askText(button.ask) : undefined;
  if (text === null) return;
  element.setAttribute('aria-disabled', 'true');
  element.dataset.busy = '';
  try {
    await act(button.action, text);
  } finally {
    element.removeAttribute('aria-disabled');
    delete element.dataset.busy;
  }
}

export function buttonRow(buttons, act) {
  if (buttons.length === 0) return null;
  const elements = buttons.map((button) => replyButton(button, act));
  return el('div', { class: 'buttons' }, elements);
}

/**
 * Splits a reply's buttons into those of each picture and those of the whole answer. `show` buttons are left out: they
 * fetch a picture's buttons in chats that have no room for all of them.
 */
export function sortButtons(reply) {
  const ofPicture = new Map(reply.images.map((image) => [image.id, []]));
  const ofAnswer = [];
  for (const button of reply.buttons.flat()) {
    const [verb, target] = button.action.split(':');
    if (verb === 'show' && ofPicture.has(target)) continue;
    (ofPicture.get(target) ?? ofAnswer).push(button);
  }
  return { ofPicture, ofAnswer };
}
