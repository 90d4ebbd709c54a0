import { adminApi } from './admin-api.js';
import { latestChanges } from './admin-changes.js';
import { askFields } from './admin-forms.js';
import { actButton, adminPart, roomPicker, table } from './admin-parts.js';
import { askConfirmation } from './dialogs.js';
import { el } from './dom.js';
import { t } from './texts.js';

const TEXT = {
  title: t('Presets and wildcards'),
  intro: t(
    'Saved styles and lists of words that prompts draw from: for everywhere, for a room, and from files of the data folder, which are changed there.',
  ),
  where: t('And those of'),
  presets: t('Presets'),
  presetHeads: [t('Name'), t('For'), t('Text'), t('Without'), t('Settings'), ''],
  wildcards: t('Wildcards'),
  wildcardHeads: [t('Name'), t('For'), t('Choices'), ''],
  places: { everywhere: t('everywhere'), folder: t('everywhere, by a file') },
  newPreset: t('New preset'),
  newWildcard: t('New wildcard'),
  importPresets: t('Import a file'),
  importTitle: t('Import presets'),
  importIntro: t('A1111’s styles.csv, or Fooocus’ JSON. Presets of the same name are replaced.'),
  edit: t('Edit'),
  editThis: (name) => t('Edit {name}', { name }),
  remove: t('Delete'),
  removeThis: (name) => t('Delete {name}', { name }),
  really: (name) => t('Delete {name}? Prompts that name it are refused then.', { name }),
  save: t('Save'),
  name: t('Name'),
  text: t('Text, with {place} where what is typed goes, and settings', { place: `{prompt}` }),
  negative: t('What to leave out'),
  list: t('Choices, one a line; {example} counts three times', { example: `3::red` }),
  forWhom: t('For'),
  file: t('File'),
  noFile: { message: t('Choose a file first.') },
};
const LISTED = 200;

/** What prompts can name. */
export function promptsPart(host) {
  let room = host.room();
  const query = (more = {}) => ({ user: host.user(), room, ...more });
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    above: roomPicker(TEXT.where, {
      ...{ room, rooms: host.rooms() },
      onChange: (chosen) => {
        room = chosen;
        part.reload();
      },
    }),
    read: async () => {
      const { presets, wildcards } = await adminApi.get('prompts', query());
      return [
        heading(TEXT.presets, [
          actButton(TEXT.newPreset, { onclick: () => editPreset(null) }),
          actButton(TEXT.importPresets, { onclick: importPresets }),
        ]),
        table(TEXT.presets, TEXT.presetHeads, presets.slice(0, LISTED).map(presetRow)),
        heading(TEXT.wildcards, [actButton(TEXT.newWildcard, { onclick: () => editWildcard(null) })]),
        table(TEXT.wildcards, TEXT.wildcardHeads, wildcards.slice(0, LISTED).map(wildcardRow)),
        await latestChanges(host, 'prompts'),
      ];
    },
  });
  const placeName = (kept) => (kept === 'place' ? `#${room}` : TEXT.places[kept]);

  function presetRow(preset) {
    const { name, prompt, negative, settings } = preset;
    const remove = () => removed(name, () => adminApi.remove('presets', query({ in: preset.in, name })));
    return [
      el('strong', {}, name),
      placeName(preset.in),
      el('bdi', { class: 'admin-prompt' }, prompt),
      negative || '–',
      settings || '–',
      preset.in === 'folder' ? '' : rowButtons(name, () => editPreset(preset), remove),
    ];
  }

  function wildcardRow(wildcard) {
    const { name, list } = wildcard;
    const remove = () => removed(name, () => adminApi.remove('wildcards', query({ name })));
    return [
      el('strong', {}, name),
      placeName(wildcard.in),
      el('bdi', { class: 'admin-prompt' }, list.split('\n').slice(0, 30).join(', ')),
      wildcard.in === 'folder' ? '' : rowButtons(name, () => editWildcard(wildcard), remove),
    ];
  }

  const removed = async (name, work) => (await askConfirmation(TEXT.really(name), TEXT.remove, true)) && part.run(work);

  async function editPreset(preset) {
    const { name = '', prompt = '', negative = '', settings = '' } = preset ?? {};
    const saved = await askFields({
      title: preset === null ? TEXT.newPreset : TEXT.editThis(name),
      ok: TEXT.save,
      fields: [
        { key: 'name', label: TEXT.name, value: name, readonly: preset !== null },
        { key: 'in', label: TEXT.forWhom, value: preset?.in ?? 'everywhere', choices: placeChoices(preset) },
        {
          key: 'text',
          label: TEXT.text,
          value: [prompt || '{prompt}', settings].filter(Boolean).join(' '),
          long: true,
        },
        { key: 'negative', label: TEXT.negative, value: negative, optional: true },
      ],
      save: (values) => adminApi.post('presets', query(), values),
    });
    if (saved !== null) await part.reload();
  }

  const placeChoices = (preset) =>
    (preset === null ? ['everywhere', 'place'] : [preset.in]).map((value) => ({ value, label: placeName(value) }));

  async function editWildcard(wildcard) {
    const { name = '', list = '' } = wildcard ?? {};
    const saved = await askFields({
      title: wildcard === null ? TEXT.newWildcard : TEXT.editThis(name),
      ok: TEXT.save,
      fields: [
        { key: 'name', label: TEXT.name, value: name, readonly: wildcard !== null },
        { key: 'list', label: TEXT.list, value: list, long: true },
      ],
      save: (values) => adminApi.post('wildcards', query(), values),
    });
    if (saved !== null) await part.reload();
  }

  async function importPresets() {
    const saved = await askFields({
      title: TEXT.importTitle,
      intro: TEXT.importIntro,
      ok: TEXT.importPresets,
      fields: [
        { key: 'in', label: TEXT.forWhom, value: 'everywhere', choices: placeChoices(null) },
        { key: 'file', label: TEXT.file, accept: '.csv,.json' },
      ],
      save: ({ in: kept, file }) => {
        if (!file) throw TEXT.noFile;
        return adminApi.send('presets/import', query({ in: kept, name: file.name }), file);
      },
    });
    if (saved !== null) await part.reload();
  }

  part.reload();
  return part;
}

function heading(title, buttons) {
  return el(
    'div',
    { class: 'admin-heading' },
    el('h3', { class: 'admin-subtitle' }, title),
    el('div', { class: 'buttons' }, buttons),
  );
}

function rowButtons(name, edit, remove) {
  return el(
    'div',
    { class: 'buttons' },
    actButton(TEXT.edit, { spoken: TEXT.editThis(name), onclick: edit }),
    actButton(TEXT.remove, { spoken: TEXT.removeThis(name), danger: true, onclick: remove }),
  );
}
