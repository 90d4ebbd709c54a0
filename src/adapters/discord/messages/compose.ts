import type { APIMessage } from 'discord.js';
import { fileIdOf, type Reply } from '../../../bot/reply.ts';
import type { Core } from '../../adapter.ts';
import type { MessageBody, Outgoing } from '../rest/api.ts';
import { plainText } from './escape.ts';
import { MAX_FILES, prepareFiles } from './files.ts';
import { LIMITS, renderReply } from './render.ts';

interface ComposeOptions {
  readonly core: Core;
  readonly id?: string;
  readonly now: number;
  readonly ahead?: number;
  readonly note?: string;
  readonly spoiler?: boolean;
  /** Without an embed. @default false */
  readonly plain?: boolean;
  /** Bytes per file. */
  readonly limit: number;
  /** File id → attachment that the message already has: kept instead of sent again. */
  readonly keep?: Readonly<Record<string, string>>;
}

export interface Composed extends Outgoing {
  /** File name → file id, for the files sent along. */
  readonly sent: ReadonlyMap<string, string>;
}

type Attachment = NonNullable<MessageBody['attachments']>[number];

/**
 * A reply as one request. `attachments` always lists everything the message shall have, kept and new:
 * what it does not list disappears, so sending the same reply again changes nothing.
 */
export async function composeReply(reply: Reply, options: ComposeOptions): Promise<Composed> {
  const { content, embeds, components, files: small } = renderReply(reply, options);
  const attachments: Attachment[] = [];
  const pictures: {
    readonly name: string;
    readonly path: string;
    readonly description: string;
    readonly image: string;
  }[] = [];
  const names = new Set<string>();
  for (const image of reply.images.slice(0, MAX_FILES)) {
    const description = plainText(image.alt, LIMITS.altText);
    const fileId = fileIdOf(image);
    const kept = options.keep?.[fileId];
    if (kept !== undefined) {
      attachments.push({ id: kept, description });
      continue;
    }
    const path = await options.core.imagePath(fileId);
    if (path === null) continue;
    const plain = names.has(image.fileName) ? `${names.size}-${image.fileName}` : image.fileName;
    names.add(plain);
    pictures.push({ name: image.spoiler ? `SPOILER_${plain}` : plain, path, description, image: fileId });
  }
  const prepared = await prepareFiles(pictures, options.limit, options.core.marker);
  const files = [...prepared, ...small.slice(0, MAX_FILES - prepared.length)];
  attachments.push(...files.map(({ name, description }, id) => ({ id, filename: name, description })));
  return {
    body: { content, embeds, components, attachments },
    files: files.map(({ name, data }) => ({ name, data })),
    sent: new Map(prepared.map(({ name, image }) => [name, image])),
  };
}

/** File id → attachment id, read from the message that Discord returned for what was kept and sent. */
export function attachmentsOf(
  message: APIMessage,
  composed: Composed,
  kept: Readonly<Record<string, string>>,
): Record<string, string> {
  const present = new Set(message.attachments.map(({ id }) => id));
  const files = Object.fromEntries(Object.entries(kept).filter(([, id]) => present.has(id)));
  for (const { id, filename } of message.attachments) {
    const image = composed.sent.get(filename);
    if (image !== undefined && !Object.values(files).includes(id)) files[image] = id;
  }
  return files;
}
