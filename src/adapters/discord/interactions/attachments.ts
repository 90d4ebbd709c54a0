import {
  type APIAttachment,
  type APIChatInputApplicationCommandInteractionData,
  ApplicationCommandOptionType,
} from 'discord.js';
import type { GivenFile, GivenPictures } from '../../../bot/core.ts';
import type { Caller } from '../../../bot/job.ts';
import { UserError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';
import type { Core } from '../../adapter.ts';
import { fetchFile } from '../../delivery/fetch-file.ts';
import { IMAGE_OPTIONS, MASK_OPTION } from '../commands/commands.ts';

/** Where Discord keeps what people attach. */
const CDN_ORIGINS = ['https://cdn.discordapp.com', 'https://media.discordapp.net'];

/** @param apiBase of another server that speaks the API of Discord, which then keeps the files, too */
export function attachmentOrigins(apiBase: string | undefined): readonly string[] {
  return apiBase === undefined ? CDN_ORIGINS : [new URL(apiBase).origin];
}

/** Takes the pictures that came with a command; `undefined` where none did. @throws UserError for what is wrong with one */
export async function attachedPictures(
  core: Core,
  caller: Caller,
  data: APIChatInputApplicationCommandInteractionData,
  origins: readonly string[],
): Promise<GivenPictures | undefined> {
  const take = async ({ url, size }: APIAttachment) =>
    core.givePicture(await fetchFile(url, { origins, size }), caller);
  const images = IMAGE_OPTIONS.flatMap((name) => attachment(data, name) ?? []);
  const mask = attachment(data, MASK_OPTION);
  if (images.length === 0 && mask !== undefined) {
    throw new UserError('picture_missing', t('A mask needs the picture that it is for.'), {
      hint: t('Attach that as {option}.', { option: 'image' }),
    });
  }
  if (images.length === 0) return undefined;
  const pictures: string[] = [];
  for (const image of images) pictures.push(await take(image));
  return { pictures, mask: mask && (await take(mask)) };
}

/** The file of an option; `undefined` where none came. @throws UserError as `fetchFile` does */
export async function attachedFile(
  data: APIChatInputApplicationCommandInteractionData,
  option: string,
  origins: readonly string[],
): Promise<GivenFile | undefined> {
  const found = attachment(data, option);
  if (found === undefined) return undefined;
  const { filename, url, size } = found;
  return { name: filename, content: await fetchFile(url, { origins, size, kind: 'file' }) };
}

function attachment(data: APIChatInputApplicationCommandInteractionData, name: string): APIAttachment | undefined {
  const option = (data.options ?? []).find((one) => one.name === name);
  if (option?.type !== ApplicationCommandOptionType.Attachment) return undefined;
  return data.resolved?.attachments?.[option.value];
}
