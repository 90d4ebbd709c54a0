import { adminApi } from './admin-api.js';
import { actButton, adminPart, roomPicker } from './admin-parts.js';
import { el } from './dom.js';
import { clockTime } from './time.js';

const TEXT = {
  title: 'Rules',
  intro:
    'What a room may do is the stricter of its own rule and of the one for everywhere. Each change is kept with who made it.',
  where: 'Rules of',
  everywhere: 'everywhere',
  holds: (value) => `Now ${value}.`,
  usual: (value) => `Where nothing is set: ${value}.`,
  changed: ({ by, at }) => `Changed ${clockTime(at)} by ${by}.`,
  untouched: 'Nobody has changed it.',
  save: 'Save',
  saveThis: (name) => `Save ${name}`,
  reset: 'Take back',
  resetThis: (name) => `Take back ${name}`,
  saved: (name) => `${name} is saved.`,
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
  const { name, description, expected, holds, own, initial, changed } = rule;
  const id = `rule-${name}`;
  const input = controlOf(rule, id);
  const save = () => change(name, input.value.trim() === '' ? 'default' : input.value);
  const details = [
    expected,
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

function controlOf({ name, choices, own, holds }, id) {
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
  const isList = name.includes('blocked-');
  if (!isList) return el('input', { ...about, value, placeholder: holds, spellcheck: 'false', autocomplete: 'off' });
  const area = el('textarea', { ...about, rows: 2, placeholder: holds, spellcheck: 'false' });
  area.value = value;
  return area;
}
