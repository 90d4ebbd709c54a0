import { createSlackAdapter } from '../../src/adapters/slack/adapter.ts';
import type { RunningBot } from '../../src/main.ts';
import { click, mention, openForm, sendCommand, submit } from '../adapters/slack/payloads.ts';
import { memoryLogger } from '../adapters/slack/setting.ts';
import { APP_TOKEN, BOSS, BOT, BOT_TOKEN, StandIn, type StoredMessage } from '../adapters/slack/stand-in.ts';
import { isRecord } from '../adapters/slack/strict.ts';
import { found, jobOf, type Shown, type Surface } from './surface.ts';

/** Slack's stand-in, and its adapter for the bot. */
export async function slackParts() {
  const standIn = await StandIn.start();
  standIn.fileTakes = 0;
  standIn.limited = false;
  const adapter = createSlackAdapter({
    ...{ botToken: BOT_TOKEN, transport: { kind: 'socket', appToken: APP_TOKEN }, port: 0, apiUrl: standIn.apiUrl },
    ...{ logger: memoryLogger([]), updatesPerMinute: 50 },
  });
  return { standIn, adapter };
}

export function slackSurface(bot: RunningBot, standIn: StandIn): Surface {
  const channel = standIn.channel().id;
  const from = { channel, user: BOSS };
  const messageOf = new Map<string, StoredMessage>();

  const shown = async (act: () => unknown): Promise<Shown> => {
    const before = new Set(standIn.messages);
    const job = await jobOf(bot, 'slack', act);
    const message = await found(() =>
      standIn
        .visible(channel)
        .find((one) => !before.has(one) && one.only === null && standIn.shownPictures(one).length > 0 && actions(one)),
    );
    const [picture] = standIn.shownPictures(message);
    if (!picture?.bytes) throw new Error('no picture');
    messageOf.set(job.id, message);
    return { job, file: picture.bytes };
  };
  const answer = async (act: () => unknown): Promise<string> => {
    const before = new Set(standIn.messages);
    await act();
    const message = await found(() => standIn.visible(channel).find((one) => !before.has(one) && one.only === BOSS));
    return `${message.text}\n${message.blocks.map(textIn).join('\n')}`;
  };
  const press = async ({ job }: Shown, verb: string, text?: string) => {
    const message = messageOf.get(job.id);
    const action = message && actions(message)?.find((one) => one.startsWith(`${verb}:`));
    if (message === undefined || action === undefined) throw new Error(`no button ${verb}`);
    await click(standIn, action, message, { user: BOSS });
    if (text === undefined) return;
    await found(() => standIn.views.size === 1);
    await submit(standIn, openForm(standIn), text, { user: BOSS });
  };
  const sent = (content: Buffer, name = 'photo.png', mimetype = 'image/png') => {
    const path = `/files-pri/T1-F1/${name}`;
    standIn.sent.set(path, content);
    const url = new URL(path, standIn.apiUrl).href;
    return { id: 'F1', name, mimetype, size: content.length, url_private: url };
  };
  return {
    name: 'Slack',
    paint: (text, picture) =>
      shown(() =>
        picture === undefined
          ? sendCommand(standIn, escaped(text), from)
          : mention(standIn, { ...from, text: `<@${BOT}> ${escaped(text)}`, extra: { files: [sent(picture)] } }),
      ),
    say: (text) => answer(() => sendCommand(standIn, escaped(text), from)),
    press: (before, verb, text) => shown(() => press(before, verb, text)),
    ask: (before, verb, text) => answer(() => press(before, verb, text)),
    importPresets: (name, content) => {
      const extra = { files: [sent(content, name, name.endsWith('csv') ? 'text/csv' : 'application/json')] };
      return answer(() => mention(standIn, { ...from, text: `<@${BOT}> presets import`, extra }));
    },
    async again({ job }) {
      const before = new Set(standIn.messages);
      await sendCommand(standIn, `show ${job.id}`, from);
      const isNew = (one: StoredMessage) => !before.has(one) && standIn.shownPictures(one).length > 0;
      const message = await found(() => standIn.visible(channel).find(isNew));
      messageOf.set(job.id, message);
      return standIn.shownPictures(message)[0]?.bytes ?? Buffer.alloc(0);
    },
    violations: standIn.violations,
    close: () => standIn.close(),
  };
}

/** As Slack sends what was typed. */
function escaped(text: string): string {
  return text.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one] ?? one);
}

function actions({ blocks }: StoredMessage): string[] | undefined {
  const found = blocks.flatMap(({ elements }) =>
    (Array.isArray(elements) ? elements : []).flatMap((one) =>
      isRecord(one) && one.type === 'button' ? [String(one.value)] : [],
    ),
  );
  return found.some((one) => one.startsWith('info:')) ? found : undefined;
}

/** Every text of a block, as people read it. */
function textIn(part: unknown): string {
  if (Array.isArray(part)) return part.map(textIn).join('\n');
  if (!isRecord(part)) return '';
  return Object.entries(part)
    .map(([key, value]) => (key === 'text' && typeof value === 'string' ? decoded(value) : textIn(value)))
    .join('\n');
}

function decoded(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
