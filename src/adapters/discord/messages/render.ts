import {
  type APIActionRowComponent,
  type APIButtonComponentWithCustomId,
  type APIComponentInMessageActionRow,
  type APIEmbed,
  type APIEmbedField,
  ComponentType,
  ButtonStyle as DiscordButtonStyle,
} from 'discord.js';
import type { Eta } from '../../../bot/job.ts';
import type { Button, ButtonStyle, Reply } from '../../../bot/reply.ts';
import { t } from '../../../texts/translate.ts';
import { previewName, progressBar } from '../../delivery/progress.ts';
import { codeBlock, escapeText, plainText } from './escape.ts';

/** Discord's limits, in UTF-16 units or pieces. */
export const LIMITS = {
  content: 2000,
  embedTitle: 256,
  embedDescription: 4096,
  embedFields: 25,
  fieldName: 256,
  fieldValue: 1024,
  embedTotal: 6000,
  rows: 5,
  buttonsPerRow: 5,
  buttonLabel: 80,
  customId: 100,
  selectOptions: 25,
  altText: 1024,
  choices: 25,
  choice: 100,
  modalTitle: 45,
  label: 45,
  textInput: 4000,
} as const;

/** Longer code is sent as a text file, so that it can still be copied whole. */
const CODE_IN_MESSAGE = 1800;

const COLOURS = { normal: 0xb5651d, error: 0xc0392b } as const;

const STYLES: Record<ButtonStyle, APIButtonComponentWithCustomId['style']> = {
  primary: DiscordButtonStyle.Primary,
  secondary: DiscordButtonStyle.Secondary,
  danger: DiscordButtonStyle.Danger,
};

/** Put before an action whose button opens a form or a question first. */
export const ASK_PREFIX = 'ask:';
/** The select menu that holds the buttons for which a message has no room. */
export const MORE_PREFIX = 'more:';

/** A message without its pictures; `attachments` and `files` are added where it is sent. */
export interface RenderedReply {
  readonly content: string;
  readonly embeds: readonly APIEmbed[];
  readonly components: readonly APIActionRowComponent<APIComponentInMessageActionRow>[];
  /** Small files that belong to the text: the preview, or code too long to show. */
  readonly files: readonly { readonly name: string; readonly data: Buffer; readonly description: string }[];
}

/** Relative timestamps tick in the reader's client, so the message need not be edited for them. */
function etaLine(own: Eta, { now, ahead = 0 }: RenderOptions): string {
  const stamp = (ms: number) => `<t:${Math.ceil(ms / 1000)}:R>`;
  const eta = { from: own.from + ahead, to: own.to + ahead };
  if (eta.to <= now) return t('Ready any moment now');
  if (eta.from <= now || eta.to - eta.from < 5000) return t('Ready {when}', { when: stamp(eta.to) });
  return t('Ready between {from} and {to}', { from: stamp(eta.from), to: stamp(eta.to) });
}

function customId(button: Button): string {
  return button.ask || button.confirm !== undefined ? `${ASK_PREFIX}${button.action}` : button.action;
}

function renderButton(button: Button): APIButtonComponentWithCustomId {
  return {
    type: ComponentType.Button,
    style: STYLES[button.style],
    label: plainText(button.label, LIMITS.buttonLabel) || '…',
    custom_id: customId(button),
    ...(button.disabled ? { disabled: true } : {}),
  };
}

/** Rows of buttons; what does not fit goes into a select menu in the last row. */
function renderButtons(
  rows: readonly (readonly Button[])[],
  id: string,
): APIActionRowComponent<APIComponentInMessageActionRow>[] {
  const seen = new Set<string>();
  const unique = rows.map((row) =>
    row.filter((button) => {
      const custom = customId(button);
      if (custom.length > LIMITS.customId || seen.has(custom)) return false;
      seen.add(custom);
      return true;
    }),
  );
  const lines: (readonly Button[])[] = [];
  for (const row of unique) {
    for (let at = 0; at < row.length; at += LIMITS.buttonsPerRow) lines.push(row.slice(at, at + LIMITS.buttonsPerRow));
  }
  const fits = lines.length <= LIMITS.rows;
  const shown = fits ? lines : lines.slice(0, LIMITS.rows - 1);
  const rest = fits ? [] : lines.slice(LIMITS.rows - 1).flat();

  const rendered: APIActionRowComponent<APIComponentInMessageActionRow>[] = shown.map((row) => ({
    type: ComponentType.ActionRow,
    components: row.map(renderButton),
  }));
  const options = rest.filter((button) => !button.disabled).slice(0, LIMITS.selectOptions);
  if (options.length > 0) {
    rendered.push({
      type: ComponentType.ActionRow,
      components: [
        {
          type: ComponentType.StringSelect,
          custom_id: `${MORE_PREFIX}${id}`.slice(0, LIMITS.customId),
          placeholder: t('More…'),
          options: options.map((button) => ({
            label: plainText(button.label, LIMITS.choice) || '…',
            value: customId(button),
          })),
        },
      ],
    });
  }
  return rendered;
}

/** As many lines as have room: whole ones are dropped rather than cut, so that no escape or timestamp is torn. */
function wholeLines(lines: readonly string[], limit: number): string {
  let room = limit;
  const kept: string[] = [];
  for (const line of lines) {
    if (line.length + 2 > room) {
      kept.push('…');
      break;
    }
    kept.push(line);
    room -= line.length + 1;
  }
  return kept.join('\n');
}

/** The parts of an embed as text. */
function asText({ title, description, fields = [], footer }: APIEmbed): string {
  const parts = [title, description, ...fields.map(({ name, value }) => `${name}: ${value}`), footer?.text];
  return wholeLines(
    parts.filter((part) => part !== undefined),
    LIMITS.content,
  );
}

interface RenderOptions {
  /** What the reply is about (a job's id): shown as footer, where people and the bot itself find it again. */
  readonly id?: string;
  /** Milliseconds since 1970, by Discord's clock. */
  readonly now: number;
  /** By how many ms Discord's clock is ahead of the one that `eta` was told by. @default 0 */
  readonly ahead?: number;
  /** A further line, from the adapter itself. */
  readonly note?: string;
  /** The preview goes behind a cover. */
  readonly spoiler?: boolean;
  /** As text alone, for channels in which the bot may not embed. @default false */
  readonly plain?: boolean;
}

/** What a Discord message shows for a reply: every string escaped, every limit kept. */
export function renderReply(reply: Reply, options: RenderOptions): RenderedReply {
  const { id, spoiler = false, plain = false } = options;
  const title = escapeText(reply.title.replace(/\s+/g, ' ').trim(), LIMITS.embedTitle);
  const shortCode = reply.code !== null && reply.code.length <= CODE_IN_MESSAGE ? codeBlock(reply.code) : '';
  const lines = wholeLines(linesOf(reply, options), LIMITS.embedDescription - shortCode.length - 1);
  const description = [lines, shortCode].filter((part) => part !== '').join('\n');
  const footer = id === undefined ? undefined : { text: plainText(id, 100) };
  const used = title.length + description.length + (footer?.text.length ?? 0);
  const fields = renderFields(reply, LIMITS.embedTotal - used);

  const embed: APIEmbed = { color: COLOURS[reply.tone] };
  if (title !== '') embed.title = title;
  if (description !== '') embed.description = description;
  else if (title === '' && fields.length === 0) embed.description = '\u200b';
  if (fields.length > 0) embed.fields = fields;
  if (footer) embed.footer = footer;
  const files = filesOf(reply, spoiler);
  // An embed would show the picture in spite of the cover.
  if (reply.preview && !spoiler) embed.image = { url: `attachment://${previewName(reply.preview)}` };
  const shown = plain ? { content: asText(embed), embeds: [] } : { content: '', embeds: [embed] };
  return { ...shown, components: renderButtons(reply.buttons, id ?? 'reply'), files };
}

function linesOf({ lines, progress, eta }: Reply, options: RenderOptions): string[] {
  const { note } = options;
  return [
    ...lines.map((line) => escapeText(line, 600)),
    ...(note === undefined ? [] : [note]),
    ...(progress ? [progressBar({ ...progress, label: escapeText(progress.label, 300) })] : []),
    ...(eta ? [etaLine(eta, options)] : []),
  ];
}

/** As many fields as fit into `budget` characters. */
function renderFields(reply: Reply, budget: number): APIEmbedField[] {
  const fields: APIEmbedField[] = [];
  let left = budget;
  for (const field of reply.fields.slice(0, LIMITS.embedFields)) {
    const name = escapeText(field.name, LIMITS.fieldName) || '\u200b';
    const value = escapeText(field.value, Math.max(1, Math.min(LIMITS.fieldValue, left - name.length))) || '\u200b';
    if (name.length + value.length > left) break;
    left -= name.length + value.length;
    fields.push({ name, value, inline: field.value.length <= 40 });
  }
  return fields;
}

function filesOf({ code, preview }: Reply, spoiler: boolean): RenderedReply['files'] {
  const files: { name: string; data: Buffer; description: string }[] = [];
  if (code !== null && code.length > CODE_IN_MESSAGE) {
    files.push({ name: 'command.txt', data: Buffer.from(code, 'utf8'), description: t('The command to copy') });
  }
  if (preview) {
    const name = previewName(preview);
    files.push({
      name: spoiler ? `SPOILER_${name}` : name,
      data: Buffer.from(preview),
      description: t('Preview of the picture in the making'),
    });
  }
  return files;
}
