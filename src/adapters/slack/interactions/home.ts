import type { Caller } from '../../../bot/job.ts';
import { fileIdOf } from '../../../bot/reply.ts';
import type { RequestLimits } from '../../../bot/request-limits.ts';
import { t } from '../../../texts/translate.ts';
import type { Core } from '../../adapter.ts';
import { escapeText } from '../messages/escape.ts';
import { parseRef } from '../messages/message-ref.ts';
import { buttonRows, imageBlock, MAIN_BUTTONS, MAX_BLOCKS_BYTES, plain, plainSection } from '../messages/render.ts';
import type { Block } from '../web-api/api.ts';
import { COMMAND } from '../web-api/methods.ts';

/** Recent jobs on the tab. */
const RECENT = 5;
/** Pictures of one job on the tab. */
const PICTURES = 2;
/** Rules of the workspace on the tab: the limits come first. */
const LIMITS = 6;
/** Jobs that are counted. */
const COUNTED = 100;
const DAY = 24 * 60 * 60 * 1000;

/** The App Home tab: what the bot does, how much of it a person used and may use, and their recent pictures with buttons. */
export async function homeView(core: Core, caller: Caller, now: number): Promise<object> {
  const blocks: Block[] = [
    { type: 'header', text: plain(t('Würst paints'), 150) },
    plainSection(
      t(
        'I paint pictures from words. Type {command} and what you want to see in any channel, mention me in a thread, or write to me here.',
        { command: COMMAND },
      ),
      2900,
    ),
    examples(core.limits(caller)),
    usageBlock(core, caller, now),
    ...(await limitBlocks(core, caller)),
  ];
  const recent = recentBlocks(core, caller);
  if (recent.length > 0)
    blocks.push({ type: 'divider' }, { type: 'header', text: plain(t('Your latest pictures'), 150) });
  for (const job of recent) {
    // A job is shown whole or not at all: buttons without their picture would be puzzling.
    if (Buffer.byteLength(JSON.stringify([...blocks, ...job])) > MAX_BLOCKS_BYTES) continue;
    blocks.push(...job);
  }
  return { type: 'home', blocks };
}

/** Commands to copy, with prompts that the model in use paints well. */
function examples({ recommended: { ideas }, styles }: RequestLimits): Block {
  const [first = '', second = first] = ideas;
  const commands = [first, `${second} ar:2:3 n:2 style:${styles.at(-1)}`, 'help'].map((text) => `${COMMAND} ${text}`);
  return {
    type: 'section',
    text: { type: 'mrkdwn', text: `\`\`\`${escapeText(commands.join('\n'))}\`\`\``, verbatim: true },
  };
}

function usageBlock(core: Core, caller: Caller, now: number): Block {
  const jobs = core.jobs({ surface: 'slack', user: caller.user, limit: COUNTED });
  const open = jobs.filter(({ state }) => state === 'queued' || state === 'running').length;
  const made = jobs
    .filter(({ state, createdAt }) => state === 'done' && createdAt > now - DAY)
    .reduce((sum, { images }) => sum + images.length, 0);
  return plainSection(
    t('Waiting or being painted: {open}. Pictures in the last 24 hours: {made}.', { open, made }),
    300,
  );
}

/** What holds in the workspace, as the core tells it to anybody who asks. */
async function limitBlocks(core: Core, caller: Caller): Promise<Block[]> {
  const outcome = await core.command('settings', caller);
  if (outcome.kind !== 'reply' || outcome.reply.fields.length === 0) return [];
  const { title, fields } = outcome.reply;
  const lines = fields.slice(0, LIMITS).map(({ name, value }) => `${name}: ${value}`);
  return [{ type: 'context', elements: [plain([title, ...lines].join('\n'), 1500)] }];
}

function recentBlocks(core: Core, caller: Caller): Block[][] {
  const shown: Block[][] = [];
  for (const job of core.jobs({ surface: 'slack', user: caller.user, limit: COUNTED })) {
    if (shown.length === RECENT) break;
    const files = parseRef(core.message(job.id))?.files ?? {};
    const reply = core.jobReply(job);
    const pictures = reply.images.flatMap((image) => {
      const file = files[fileIdOf(image)];
      return file?.ready ? [imageBlock(file.id, image.alt)] : [];
    });
    if (pictures.length === 0) continue;
    shown.push([
      plainSection(reply.title, 300),
      ...pictures.slice(0, PICTURES),
      ...buttonRows(reply.buttons, { buttons: MAIN_BUTTONS }),
    ]);
  }
  return shown;
}
