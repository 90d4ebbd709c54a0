import { adminApi } from './admin-api.js';
import { latestChanges } from './admin-changes.js';
import { actButton, adminPart, table } from './admin-parts.js';
import { askConfirmation } from './dialogs.js';
import { el } from './dom.js';
import { t } from './texts.js';
import { clockTime } from './time.js';

const TEXT = {
  title: t('People'),
  intro: t(
    'Who has asked for pictures, the latest first, and what is left of their quotas. Quotas are raised by the rules user-jobs and user-seconds.',
  ),
  search: t('Search names and ids'),
  heads: [t('Name'), t('Platform'), t('Last seen'), t('Unfinished requests'), t('Accelerator time today'), ''],
  caption: t('People and their quotas'),
  of: (used, most) =>
    most === null
      ? t('{used}, no limit', { used })
      : t('{used} of {most}, {left} left', { used, most, left: Math.max(0, most - used) }),
  seconds: (used, most) =>
    most === null
      ? t('{used} s, no limit', { used: round(used) })
      : t('{used} of {most} s, {left} s left', {
          ...{ used: round(used), most, left: round(Math.max(0, most - used)) },
        }),
  ban: t('Ban'),
  banThis: (name) => t('Ban {name}', { name }),
  really: (name) => t('Ban {name}? They cannot ask for pictures anywhere until you let them again.', { name }),
  admit: t('Let in'),
  admitThis: (name) => t('Let in {name} again', { name }),
  banned: t('banned'),
};

const SEARCH_AFTER_MS = 200;

/** People with what they use. */
export function peoplePart(host) {
  let searching = 0;
  const search = el('input', {
    ...{ type: 'search', class: 'gallery-search', placeholder: TEXT.search, 'aria-label': TEXT.search },
    ...{ autocomplete: 'off', spellcheck: 'false', maxlength: 100 },
    oninput: () => {
      clearTimeout(searching);
      searching = setTimeout(() => part.reload(), SEARCH_AFTER_MS);
    },
  });
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    above: el('div', { class: 'admin-bar' }, search),
    read: async () => {
      const { people } = await adminApi.get('people', { user: host.user(), q: search.value });
      return [
        table(
          TEXT.caption,
          TEXT.heads,
          people.map((person) => row(person)),
        ),
        await latestChanges(host, 'people'),
      ];
    },
  });
  const block = ({ surface, user }, blocked) =>
    part.run(() => adminApi.post('people', { user: host.user() }, { surface, user, blocked }));
  const row = (person) => {
    const { name, surface, lastSeen, unfinished, mostUnfinished, seconds, mostSeconds, blocked } = person;
    return [
      [el('bdi', {}, name), blocked && el('span', { class: 'tag' }, TEXT.banned)].filter(Boolean),
      surface,
      clockTime(lastSeen),
      TEXT.of(unfinished, mostUnfinished),
      TEXT.seconds(seconds, mostSeconds),
      blocked
        ? actButton(TEXT.admit, { spoken: TEXT.admitThis(name), onclick: () => block(person, false) })
        : actButton(TEXT.ban, {
            ...{ spoken: TEXT.banThis(name), danger: true },
            onclick: async () => (await askConfirmation(TEXT.really(name), TEXT.ban, true)) && block(person, true),
          }),
    ];
  };
  part.reload();
  return { ...part, close: () => clearTimeout(searching) };
}

function round(seconds) {
  return seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds);
}
