import { askText, confirm } from './dialogs.js';
import { el } from './dom.js';

/**
 * A button of a reply. `act(action, text)` sends it; while it is under way further clicks do nothing.
 */
export function replyButton(button, act) {
  const element = el(
    'button',
    {
      type: 'button',
      class: 'button',
      'data-style': button.style,
      'data-action': button.action,
      'aria-disabled': button.disabled ? 'true' : null,
    },
    button.short ?? button.label,
  );
  element.addEventListener('click', async () => {
    if (element.getAttribute('aria-disabled') === 'true') return;
    if (button.confirm && !(await confirm(button.confirm, button.label, button.style === 'danger'))) return;
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
  });
  return element;
}

export function buttonRow(buttons, act) {
  if (buttons.length === 0) return null;
  return el(
    'div',
    { class: 'buttons' },
    buttons.map((button) => replyButton(button, act)),
  );
}

/**
 * Which buttons belong to which picture; the rest belong to the whole answer. Those that only bring a picture's buttons
 * are for chats without room: here they are at hand.
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
