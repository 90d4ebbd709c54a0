import * as z from 'zod';
import type { GivenFile, GivenPictures } from '../../../bot/core.ts';
import type { Caller } from '../../../bot/job.ts';
import type { Core } from '../../adapter.ts';
import type { SlackApi } from '../web-api/api.ts';

/** What is read of a file in a message. https://docs.slack.dev/reference/objects/file-object */
export const slackFile = z.object({
  name: z.string().nullish(),
  mimetype: z.string().nullish(),
  size: z.number().nullish(),
  url_private_download: z.string().nullish(),
  url_private: z.string().nullish(),
});

/** A picture that somebody sent, as it is kept in a form. */
export const sentFile = z.object({ url: z.string(), size: z.number(), isMask: z.boolean() });
export type SentFile = z.infer<typeof sentFile>;

/** The pictures among the files of a message. One whose name begins with “mask” is a mask. */
export function picturesIn(files: readonly z.infer<typeof slackFile>[] | null | undefined): readonly SentFile[] {
  return (files ?? []).flatMap(({ name, mimetype, size, url_private_download, url_private }) => {
    if (!mimetype?.startsWith('image/')) return [];
    const url = url_private_download ?? url_private ?? '';
    return [{ url, size: size ?? 0, isMask: /^mask\b/i.test(name ?? '') }];
  });
}

/** The first file of a message that may be text, read; `undefined` where there is none. @throws UserError as `fetchFile` does */
export async function takenFile(
  files: readonly z.infer<typeof slackFile>[] | null | undefined,
  api: SlackApi,
): Promise<GivenFile | undefined> {
  const file = (files ?? []).find(({ mimetype }) => !/^(?:image|video|audio)\//.test(mimetype ?? ''));
  if (file === undefined) return undefined;
  const url = file.url_private_download ?? file.url_private ?? '';
  return { name: file.name ?? '', content: await api.download({ url, size: file.size ?? 0 }, 'file') };
}

/** Takes pictures from Slack; `undefined` where there are none. @throws UserError for what is wrong with one */
export async function takenPictures(
  core: Core,
  caller: Caller,
  files: readonly SentFile[],
  api: SlackApi,
): Promise<GivenPictures | undefined> {
  const take = async (file: SentFile) => core.givePicture(await api.download(file), caller);
  const masks = files.filter(({ isMask }) => isMask);
  const images = files.filter(({ isMask }) => !isMask);
  // A mask alone is a picture like any other.
  const [given, mask] = images.length === 0 ? [masks, undefined] : [images, masks[0]];
  if (given.length === 0) return undefined;
  const pictures: string[] = [];
  for (const file of given) pictures.push(await take(file));
  return { pictures, mask: mask && (await take(mask)) };
}
