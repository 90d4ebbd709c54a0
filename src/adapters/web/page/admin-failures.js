import { adminApi } from './admin-api.js';
import { adminPart, table } from './admin-parts.js';
import { el } from './dom.js';
import { t } from './texts.js';
import { clockTime } from './time.js';

const TEXT = {
  title: t('Failures'),
  intro: t('The latest requests that failed, and why. Prompts of other platforms are not shown here.'),
  caption: t('Requests that failed'),
  heads: [t('When'), t('Who'), t('Where'), t('Prompt'), t('Why'), t('Code')],
  hidden: t('not shown'),
  where: (surface, room) => (surface === 'web' ? `#${room}` : surface),
};

export function failuresPart(host) {
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    read: async () => {
      const { failures } = await adminApi.get('failures', { user: host.user() });
      const rows = failures.map(({ at, name, surface, room, prompt, message, code }) => [
        clockTime(at),
        el('bdi', {}, name),
        TEXT.where(surface, room),
        prompt === null
          ? el('span', { class: 'admin-note' }, TEXT.hidden)
          : el('bdi', { class: 'admin-prompt' }, prompt),
        message,
        el('code', {}, code),
      ]);
      return [table(TEXT.caption, TEXT.heads, rows)];
    },
  });
  part.reload();
  return part;
}
