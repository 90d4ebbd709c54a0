import { adminApi } from './admin-api.js';
import { adminPart, byteSize, table } from './admin-parts.js';
import { el } from './dom.js';
import { t } from './texts.js';

const TEXT = {
  title: t('Disk'),
  intro: t('What the bot keeps on this machine, and what is free.'),
  caption: t('What takes up the disk'),
  heads: [t('What'), t('Where'), t('Size'), t('Free there')],
  database: t('Database'),
  pictures: (count) => t('Pictures, {count} file | Pictures, {count} files', { count }),
  models: t('Models'),
};

export function diskPart(host) {
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    read: async () => {
      const { data, models, pictures } = await adminApi.get('disk', { user: host.user() });
      const path = (folder) => el('code', { class: 'admin-path' }, folder);
      const rows = [
        [TEXT.database, path(data.folder), byteSize(data.database), byteSize(data.free)],
        [TEXT.pictures(pictures.files), path(data.folder), byteSize(pictures.bytes), byteSize(data.free)],
        [TEXT.models, path(models.folder), byteSize(models.bytes), byteSize(models.free)],
      ];
      return [table(TEXT.caption, TEXT.heads, rows)];
    },
  });
  part.reload();
  return part;
}
