import { adminApi } from './admin-api.js';
import { latestChanges } from './admin-changes.js';
import { askFields } from './admin-forms.js';
import { actButton, adminPart, table } from './admin-parts.js';
import { askConfirmation, copyField, sheet } from './dialogs.js';
import { el } from './dom.js';
import { t } from './texts.js';
import { clockTime } from './time.js';

const TEXT = {
  title: t('API keys'),
  intro: t(
    'Programs that speak OpenAI’s, A1111’s or the model context protocol paint with a key, within the rules of a place and limits of their own.',
  ),
  caption: t('Keys of programs'),
  heads: [t('Name'), t('Rules of'), t('Limits'), t('Made'), t('Last used'), t('Tells'), ''],
  never: t('never'),
  create: t('New key'),
  createIntro: t('The key is shown once.'),
  name: t('What it is for'),
  place: t('Whose rules hold: web:<room>, discord:<server> or slack:<workspace>'),
  limits: t('Limits of its own, such as images=4 user-seconds=600'),
  secretTitle: t('Your new key'),
  secretIntro: t('Keep it like a password: it is not shown again. Programs send it as “Authorization: Bearer …”.'),
  key: t('Key'),
  revoke: t('Revoke'),
  revokeThis: (name) => t('Revoke {name}', { name }),
  really: (name) =>
    t('Revoke {name}? Programs that use it are let in no longer; what they have asked for is still painted.', { name }),
};

export function keysPart(host) {
  const query = () => ({ user: host.user() });
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    above: el('div', { class: 'admin-bar' }, actButton(TEXT.create, { primary: true, onclick: () => create() })),
    read: async () => {
      const { keys } = await adminApi.get('keys', query());
      return [table(TEXT.caption, TEXT.heads, keys.map(row)), await latestChanges(host, 'keys')];
    },
  });

  function row({ id, name, place, limits, createdAt, usedAt, tells }) {
    return [
      el('bdi', {}, name),
      place,
      limits || '–',
      clockTime(createdAt),
      usedAt === null ? TEXT.never : clockTime(usedAt),
      tells ?? '–',
      actButton(TEXT.revoke, { spoken: TEXT.revokeThis(name), danger: true, onclick: () => revoke(id, name) }),
    ];
  }

  async function create() {
    const made = await askFields({
      ...{ title: TEXT.create, intro: TEXT.createIntro, ok: TEXT.create },
      fields: [
        { key: 'name', label: TEXT.name, value: '' },
        { key: 'place', label: TEXT.place, value: `web:${host.room()}` },
        { key: 'limits', label: TEXT.limits, value: '', optional: true },
      ],
      save: (values) => adminApi.post('keys', query(), values),
    });
    if (made === null) return;
    await part.reload();
    await sheet({
      title: TEXT.secretTitle,
      intro: TEXT.secretIntro,
      body: el('div', { class: 'sheet-fields' }, copyField(TEXT.key, made.secret)),
    });
  }

  async function revoke(id, name) {
    if (!(await askConfirmation(TEXT.really(name), TEXT.revoke, true))) return;
    await part.run(() => adminApi.remove(`keys/${id}`, query()));
  }

  part.reload();
  return part;
}
