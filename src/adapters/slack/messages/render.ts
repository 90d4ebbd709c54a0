import { type Button, fileIdOf, type Reply, type ReplyImage } from '../../../bot/reply.ts';
import { t } from '../../../texts/translate.ts';
import { progressBar } from '../../delivery/progress.ts';
import type { Block, Message } from '../web-api/api.ts';
import { fitText } from './escape.ts';

/** Slack's file ids of what a reply shows. An image without one is left out. */
export interface ShownFiles {
  readonly images: ReadonlyMap<string, string>;
  readonly preview: string | null;
}

export const NO_FILES: ShownFiles = { images: new Map(), preview: null };

/** How much of a reply is shown; every step gives up more, pictures last. */
export type Detail = 'all' | 'main-buttons' | 'short' | 'pictures' | 'text';
export const DETAILS: readonly Detail[] = ['all', 'main-buttons', 'short', 'pictures', 'text'];

/** Enough for a job of ten pictures: two of its own, and one for each picture, which brings that picture's other buttons. */
export const MAIN_BUTTONS = 12;

/**
 * Reports put Slack's undocumented limit over all blocks at 13,200 to 13,300 characters; counted here as UTF-8 bytes
 * of the JSON, which is never less.
 */
export const MAX_BLOCKS_BYTES = 12_000;
export const MAX_TEXT_BYTES = 3_500;

interface Sizes {
  readonly title: number;
  readonly lines: number;
  readonly fields: number;
  readonly code: number;
  readonly alt: number;
  /** Buttons in all, and characters of their questions. */
  readonly buttons: number;
  readonly confirm: number;
}

const SIZES: Readonly<Record<Detail, Sizes>> = {
  all: { title: 2900, lines: 2900, fields: 20, code: 2900, alt: 1900, buttons: 125, confirm: 300 },
  'main-buttons': { title: 2900, lines: 2900, fields: 20, code: 2900, alt: 400, buttons: MAIN_BUTTONS, confirm: 300 },
  short: { title: 900, lines: 600, fields: 10, code: 700, alt: 200, buttons: MAIN_BUTTONS, confirm: 100 },
  pictures: { title: 150, lines: 0, fields: 0, code: 0, alt: 60, buttons: MAIN_BUTTONS, confirm: 60 },
  text: { title: 300, lines: 300, fields: 0, code: 0, alt: 60, buttons: MAIN_BUTTONS, confirm: 60 },
};

/** A reply as Block Kit, in as much detail as Slack's limits admit and `most` allows. */
export function messageOf(reply: Reply, files: ShownFiles, note: string | null = null, most: Detail = 'all'): Message {
  const text = fallbackText(reply);
  for (const detail of DETAILS.slice(DETAILS.indexOf(most))) {
    const blocks = blocksOf(reply, files, note, detail);
    if (Buffer.byteLength(JSON.stringify(blocks)) <= MAX_BLOCKS_BYTES) return { text, blocks };
  }
  return { text, blocks: [plainSection(reply.title, 300)] };
}

export function blocksOf(reply: Reply, files: ShownFiles, note: string | null, detail: Detail): Block[] {
  const sizes = SIZES[detail];
  const title = reply.tone === 'error' ? `⚠ ${reply.title}` : reply.title;
  const lines = reply.lines.filter((line) => line.trim() !== '').join('\n');
  const withPictures = detail !== 'text';
  return [
    ...(title.trim() === '' ? [] : [plainSection(title, sizes.title)]),
    ...(lines === '' || sizes.lines === 0 ? [] : [plainSection(lines, sizes.lines)]),
    ...fieldSections(reply, sizes.fields),
    ...(reply.code === null || sizes.code === 0 ? [] : [codeSection(reply.code, sizes.code)]),
    ...progressBlocks(reply),
    ...(withPictures && files.preview !== null ? [imageBlock(files.preview, t('Preview: the picture so far'))] : []),
    ...(withPictures ? pictureBlocks(reply.images, files, sizes.alt) : []),
    ...buttonRows(reply.buttons, sizes),
    ...(note === null ? [] : [{ type: 'context', elements: [plain(note, 1000)] }]),
  ];
}

export function fallbackText(reply: Reply): string {
  const first = [reply.title, ...reply.lines].filter((line) => line.trim() !== '').join('\n');
  return fitText(first || 'wuerst', MAX_TEXT_BYTES, 'bytes');
}

/** Plain text is shown literally: no formatting, no mentions, no emoji codes. */
export function plain(text: string, max: number) {
  return { type: 'plain_text', text: fitText(text, max), emoji: false };
}

export function plainSection(text: string, max: number): Block {
  return { type: 'section', text: plain(text, max) };
}

function fieldSections({ fields }: Reply, max: number): Block[] {
  const shown = fields.slice(0, max).map(({ name, value }) => plain(`${name}\n${value}`, 300));
  const sections: Block[] = [];
  for (let from = 0; from < shown.length; from += 10) {
    sections.push({ type: 'section', fields: shown.slice(from, from + 10) });
  }
  return sections;
}

function codeSection(code: string, max: number): Block {
  // Three backticks would end the block; a zero-width space between them cannot be seen.
  const inner = fitText(code.replaceAll('```', '`\u200b`\u200b`'), max);
  return { type: 'section', text: { type: 'mrkdwn', text: `\`\`\`${inner}\`\`\``, verbatim: true } };
}

function progressBlocks({ progress, eta }: Reply): Block[] {
  const elements: unknown[] = progress === null ? [] : [plain(progressBar(progress), 300)];
  if (eta !== null) {
    const seconds = Math.ceil(eta.to / 1000);
    const utc = new Date(seconds * 1000).toISOString().slice(11, 16);
    elements.push({
      type: 'mrkdwn',
      text: t('ready by {time}', { time: `<!date^${seconds}^{time}|${utc} UTC>` }),
      verbatim: true,
    });
  }
  return elements.length === 0 ? [] : [{ type: 'context', elements }];
}

function pictureBlocks(images: readonly ReplyImage[], files: ShownFiles, altMax: number): Block[] {
  return images.flatMap((image) => {
    const { alt } = image;
    const file = files.images.get(fileIdOf(image));
    return file === undefined ? [] : [imageBlock(file, alt, altMax)];
  });
}

export function imageBlock(file: string, alt: string, max = 200): Block {
  return { type: 'image', slack_file: { id: file }, alt_text: fitText(alt, max) };
}

export const ACT = 'wuerst-act';
export const ASK = 'wuerst-ask';

/** @param options the most buttons in all, and the most characters of a question */
export function buttonRows(rows: Reply['buttons'], options: Partial<Pick<Sizes, 'buttons' | 'confirm'>> = {}): Block[] {
  const { buttons: most = Number.POSITIVE_INFINITY, confirm = 300 } = options;
  let left = most;
  // Without ids of their own: Slack wants new ones each time a message changes.
  return rows.flatMap((row) => {
    const shown = row.filter(({ disabled, action }) => disabled !== true && action.length <= 200).slice(0, left);
    left -= shown.length;
    const elements = shown.slice(0, 25).map((button) => buttonElement(button, confirm));
    return elements.length === 0 ? [] : [{ type: 'actions', elements }];
  });
}

function buttonElement({ action, label, style, ask, confirm }: Button, confirmMax: number): object {
  return {
    type: 'button',
    // Only has to be unique in its message: the action is in `value`.
    action_id: `${ask === undefined ? ACT : ASK}:${action}`,
    value: action,
    text: plain(label, 75),
    ...(style === 'secondary' ? {} : { style }),
    ...(confirm === undefined ? {} : { confirm: confirmation(confirm, label, confirmMax) }),
  };
}

function confirmation(question: string, label: string, max: number): object {
  return {
    title: plain(t('Are you sure?'), 100),
    text: plain(question, max),
    confirm: plain(label, 30),
    deny: plain(t('Not now'), 30),
  };
}
