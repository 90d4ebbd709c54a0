import { adminApi } from './admin-api.js';
import { adminPart, table } from './admin-parts.js';
import { el } from './dom.js';
import { clockTime } from './time.js';

const TEXT = {
  title: 'Failures',
  intro: 'The latest requests that failed, and why. Prompts of other platforms are not shown here.',
  caption: 'Requests that failed',
  heads: ['When', 'Who', 'Where', 'Prompt', 'Why', 'Code'],
  hidden: 'not shown',
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
