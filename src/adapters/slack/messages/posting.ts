import { t } from '../../../texts/translate.ts';
import type { Message } from '../web-api/api.ts';
import { isOutside, LOST_TOKEN, Refused, type Unanswered, whyOf } from '../web-api/errors.ts';
import { isDirect } from '../web-api/ids.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';
import type { MessageRef } from './message-ref.ts';

const INVITE = '/invite @wuerst';

/** How far before the first try the search begins, in ms: this machine's clock may have been ahead, or been set since. */
const SKEW = 2 * 3600 * 1000;

/** A job's message, as far as posting it goes. */
interface Postable {
  readonly jobId: string;
  readonly ref: MessageRef;
  readonly workspace: Workspace;
  save(): void;
}

/**
 * Posts the message of a job at the place in `ref` and notes its `ts`. `chat.postMessage` has no idempotency key: if an
 * earlier try may have succeeded, the conversation is searched for its message first. The message shows no pictures yet,
 * so a duplicate that is not found is only a line of text.
 */
export async function ensurePosted(target: Postable, message: Message): Promise<void> {
  const { jobId, ref, workspace } = target;
  if (ref.ts !== null) return;
  if (ref.triedAt !== null) {
    const found = await search(workspace, jobId, ref, ref.triedAt - SKEW);
    if (found !== null) {
      ref.ts = found;
      target.save();
      return;
    }
  }
  ref.triedAt ??= workspace.time.now();
  target.save();
  const place = { channel: ref.channel, thread: ref.thread };
  const posted = await within(workspace.posts(ref.channel), jobId, 'final', () =>
    workspace.api.post(place, message, jobId),
  );
  workspace.time.saw(Number(posted.ts) * 1000);
  ref.ts = posted.ts;
  ref.channel = posted.channel;
  target.save();
}

export async function search(
  workspace: Workspace,
  job: string,
  ref: MessageRef,
  since: number,
): Promise<string | null> {
  try {
    return await workspace.api.findPosted({ channel: ref.channel, thread: ref.thread }, job, since);
  } catch (error) {
    // If the search is refused, the message is posted anew: at worst a line of text stays behind.
    if (error instanceof Refused && !LOST_TOKEN.has(error.code)) return null;
    throw error;
  }
}

/** Said under the direct message that takes the place of a conversation, `here` being there. */
export function whyElsewhere(channel: string, problem: Refused | Unanswered): string {
  const sentences = [whyIn(channel, problem, 'there'), t("So here's the answer as a direct message.")];
  if (isInvitable(channel, problem)) {
    sentences.push(t('To have it there, type {command} in the channel.', { command: INVITE }));
  }
  return sentences.join(' ');
}

/** Said in the conversation that is closed, before what happens instead. */
export function whyNotHere(channel: string, problem: Refused | Unanswered): string {
  const why = whyIn(channel, problem, 'here');
  return isInvitable(channel, problem) ? `${why} ${t('Type {command} to have me here.', { command: INVITE })}` : why;
}

function whyIn(channel: string, problem: Refused | Unanswered, place: 'here' | 'there'): string {
  if (!isOutside(problem) || !isDirect(channel)) return whyOf(problem, place);
  return place === 'here' ? t("I'm not in this conversation.") : t("I'm not in that conversation.");
}

/** Nobody can be invited into a conversation of two. */
function isInvitable(channel: string, problem: Refused | Unanswered): boolean {
  return isOutside(problem) && !isDirect(channel);
}
