import { adminApi } from './admin-api.js';
import { adminPart, table } from './admin-parts.js';
import { el } from './dom.js';
import { t } from './texts.js';
import { clockTime } from './time.js';

const TEXT = {
  title: t('Changes'),
  intro: t(
    'Who changed what for others: on this page, in chats and at the terminal. How long it is kept says {setting}.',
    { setting: `WUERST_KEEP_AUDIT_DAYS` },
  ),
  latest: t('Latest changes'),
  caption: t('Who changed what'),
  heads: [t('When'), t('Who'), t('Where'), t('What')],
  everywhere: t('everywhere'),
};

const LATEST = 5;

/** The latest changes of what a part is about, below it. @param of as the server names it */
export async function latestChanges(host, of) {
  const { changes } = await adminApi.get('changes', { user: host.user(), of });
  if (changes.length === 0) return null;
  return el(
    'section',
    { 'aria-label': TEXT.latest },
    el('h3', { class: 'admin-subtitle' }, TEXT.latest),
    tableOf(changes.slice(0, LATEST)),
  );
}

/** Everything that was changed, the latest first. */
export function changesPart(host) {
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    read: async () => {
      const { changes } = await adminApi.get('changes', { user: host.user() });
      return [tableOf(changes)];
    },
  });
  part.reload();
  return part;
}

function tableOf(changes) {
  return table(TEXT.caption, TEXT.heads, changes.map(row));
}

function row({ at, by, what, where }) {
  return [clockTime(at), el('bdi', {}, by), where ?? TEXT.everywhere, el('bdi', {}, what)];
}
