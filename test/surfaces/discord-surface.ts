import { ComponentType } from 'discord.js';
import { createDiscordAdapter } from '../../src/adapters/discord/adapter.ts';
import type { Job } from '../../src/bot/job.ts';
import type { RunningBot } from '../../src/main.ts';
import { sendAttachments, sendAutocomplete, sendClick, sendCommand, sendModal } from '../adapters/discord/payloads.ts';
import { memoryLogger } from '../adapters/discord/setting.ts';
import { StandIn, type StoredMessage, TOKEN } from '../adapters/discord/stand-in.ts';
import { found, jobOf, type Shown, type Surface } from './surface.ts';

const MANAGE_GUILD = 1n << 5n;

/** Discord's stand-in, and its adapter for the bot. */
export async function discordParts() {
  const standIn = await StandIn.start();
  const adapter = createDiscordAdapter({
    ...{ token: TOKEN, apiBase: standIn.apiBase, logger: memoryLogger([]), editInterval: 50 },
  });
  return { standIn, adapter };
}

export function discordSurface(bot: RunningBot, standIn: StandIn): Surface {
  const channel = standIn.channel().id;
  const from = { channel, permissions: MANAGE_GUILD };
  const messageOf = new Map<string, StoredMessage>();

  /** The message that came for `act`, finished. */
  const shown = async (act: () => unknown): Promise<Shown> => {
    const before = new Set(standIn.messages.keys());
    const job: Job = await jobOf(bot, 'discord', act);
    const message = await found(() =>
      standIn
        .visible(channel)
        .find((one) => !before.has(one.id) && customIds(one).some((id) => id.endsWith(job.images[0]?.id ?? '?'))),
    );
    const [attachment] = message.attachments;
    if (attachment === undefined) throw new Error('no picture');
    messageOf.set(job.id, message);
    return { job, file: attachment.bytes };
  };
  const answer = async (act: () => unknown): Promise<string> => {
    const before = new Set(standIn.messages.keys());
    act();
    const message = await found(() =>
      standIn.visible(channel).find((one) => !before.has(one.id) && one.ephemeral && !one.loading),
    );
    return textOf(message);
  };
  /** With the form of the button filled in, where it has one. */
  const click = async ({ job }: Shown, verb: string, text?: string) => {
    const message = messageOf.get(job.id);
    const id = message && customIds(message).find((one) => one.replace('ask:', '').startsWith(`${verb}:`));
    if (message === undefined || id === undefined) throw new Error(`no button ${verb}`);
    const { token } = sendClick(standIn, id, message, from);
    if (!id.startsWith('ask:')) return;
    await found(() => standIn.interactions.get(token)?.responses.length === 1);
    sendModal(standIn, id.replace('ask:', ''), text ?? '', from);
  };
  const attached = (bytes: Buffer, filename = 'photo.png') => {
    const path = `/attachments/1/${filename}`;
    standIn.files.set(path, bytes);
    return { url: new URL(path, standIn.apiBase).href, size: bytes.length, filename };
  };
  return {
    name: 'Discord',
    paint: (text, picture) =>
      shown(() =>
        picture === undefined
          ? sendCommand(standIn, 'wuerst', { prompt: text }, from)
          : sendAttachments(standIn, text === '' ? {} : { prompt: text }, { image: attached(picture) }, from),
      ),
    say: (text) => answer(() => sendCommand(standIn, 'wuerst', { prompt: text }, from)),
    press: (before, verb, text) => shown(() => click(before, verb, text)),
    ask: (before, verb, text) => answer(() => click(before, verb, text)),
    importPresets: (name, content) =>
      answer(() => sendAttachments(standIn, {}, { file: attached(content, name) }, from, 'wuerst-presets')),
    async again({ job }) {
      const before = new Set(standIn.messages.keys());
      sendCommand(standIn, 'wuerst-show', { id: job.id }, from);
      const isNew = (one: StoredMessage) => !before.has(one.id) && one.attachments.length > 0;
      const message = await found(() => standIn.visible(channel).find(isNew));
      messageOf.set(job.id, message);
      return message.attachments[0]?.bytes ?? Buffer.alloc(0);
    },
    async offers(setting, typed) {
      const { token } = sendAutocomplete(standIn, setting, typed, from);
      const response = await found(() => standIn.interactions.get(token)?.responses[0]);
      return (response.data as { choices: { value: string }[] }).choices.map(({ value }) => value);
    },
    violations: standIn.violations,
    close: () => standIn.close(),
  };
}

function customIds(message: StoredMessage): string[] {
  return message.components.flatMap((row) =>
    (row.components as { type: number; custom_id: string; options?: { value: string }[] }[]).flatMap((part) =>
      part.type === ComponentType.StringSelect ? (part.options ?? []).map(({ value }) => value) : [part.custom_id],
    ),
  );
}

/** As people read it, without the backslashes before marks. */
function textOf({ content, embeds, attachments }: StoredMessage): string {
  const shown = embeds.flatMap(({ title, description, fields = [] }) => [
    ...[title ?? '', description ?? ''],
    ...fields.map(({ name, value }) => `${name}: ${value}`),
  ]);
  const files = attachments.filter(({ filename }) => filename.endsWith('.txt')).map(({ bytes }) => bytes.toString());
  return [content, ...shown].join('\n').replace(/\\(?=[^\p{L}\p{N}\s])/gu, '') + files.join('\n');
}
