import { adminApi } from './admin-api.js';
import { actButton, adminPart, roomPicker } from './admin-parts.js';
import { el } from './dom.js';
import { t } from './texts.js';
import { clockTime } from './time.js';

const TEXT = {
  title: t('Rules'),
  intro: t(
    'What a room may do is the stricter of its own rule and of the one for everywhere. Each change is kept with who made it.',
  ),
  where: t('Rules of'),
  everywhere: t('everywhere'),
  holds: (value) => t('Now {value}.', { value }),
  usual: (value) => t('Where nothing is set: {value}.', { value }),
  changed: ({ by, at }) => t('Changed {time} by {name}.', { time: clockTime(at), name: by }),
  untouched: t('Nobody has changed it.'),
  oneALine: t('One a line.'),
  save: t('Save'),
  saveThis: (name) => t('Save {name}', { name }),
  reset: t('Take back'),
  resetThis: (name) => t('Take back {name}', { name }),
  saved: (name) => t('{name} is saved.', { name }),
};

/** The settings of a room, or of everywhere, as a form. */
export function rulesPart(host) {
  let room = '';
  const query = () => ({ user: host.user(), room: room || host.room() });
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    above: roomPicker(TEXT.where, {
      ...{ room: host.room(), rooms: host.rooms(), everywhere: TEXT.everywhere },
      onChange: (chosen) => {
        room = chosen;
        part.reload();
      },
    }),
    read: async () => {
      const { rules } = await adminApi.get('rules', query());
      const shown = rules.filter(({ everywhere }) => everywhere === (room === ''));
      return [
        el(
          'div',
          { class: 'admin-rules' },
          shown.map((rule) => ruleForm(rule, change)),
        ),
      ];
    },
  });
  const change = (name, value) => part.run(() => adminApi.post('rules', query(), { name, value }), TEXT.saved(name));
  part.reload();
  return part;
}

function ruleForm(rule, change) {
  const { name, description, expected, holds, own, initial, changed, words } = rule;
  const id = `rule-${name}`;
  const input = controlOf(rule, id);
  const save = () =>
    change(name, input.value.trim() === '' ? 'default' : words === null ? input.value : linesOf(input));
  const details = [
    words === null ? expected : TEXT.oneALine,
    TEXT.usual(initial),
    own !== null && own !== holds && TEXT.holds(holds),
    changed === null ? TEXT.untouched : TEXT.changed(changed),
  ].filter(Boolean);
  return el(
    'form',
    {
      class: 'admin-rule',
      onsubmit: (event) => {
        event.preventDefault();
        save();
      },
    },
    el('label', { for: id }, el('strong', {}, name), ` ${description}`),
    input,
    actButton(TEXT.save, { spoken: TEXT.saveThis(name), onclick: save }),
    own !== null && actButton(TEXT.reset, { spoken: TEXT.resetThis(name), onclick: () => change(name, 'default') }),
    el('p', { id: `${id}-about`, class: 'admin-about' }, details.join(' ')),
  );
}

function linesOf({ value }) {
  return value.split('\n').filter((line) => line.trim() !== '');
}

function controlOf({ choices, own, holds, words }, id) {
  const value = own ?? '';
  const about = { id, 'aria-describedby': `${id}-about`, 'data-action': id };
  if (choices.length > 0) {
    const select = el(
      'select',
      about,
      el('option', { value: '' }, holds),
      choices.map((choice) => el('option', { value: choice }, choice)),
    );
    select.value = value;
    return select;
  }
  if (words === null)
    return el('input', { ...about, value, placeholder: holds, spellcheck: 'false', autocomplete: 'off' });
  const area = el('textarea', {
    ...about,
    rows: Math.min(8, Math.max(2, words.length + 1)),
    placeholder: holds,
    spellcheck: 'false',
  });
  area.value = words.join('\n');
  return area;
}
