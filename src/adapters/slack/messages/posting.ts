import type { Clock } from '../../../system/clock.ts';
import type { Message } from '../web-api/api.ts';
import { LOST_TOKEN, Refused } from '../web-api/errors.ts';
import { isDirect } from '../web-api/ids.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';
import type { MessageRef } from './message-ref.ts';

/** How far Slack's clock may be behind ours, in ms. */
const SKEW = 60_000;

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
export async function ensurePosted(target: Postable, message: Message, clock: Clock): Promise<void> {
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
  ref.triedAt ??= clock.now();
  target.save();
  const place = { channel: ref.channel, thread: ref.thread };
  const posted = await within(workspace.posts(ref.channel), jobId, 'final', () =>
    workspace.api.post(place, message, jobId),
  );
  ref.ts = posted.ts;
  ref.channel = posted.channel;
  target.save();
}

async function search(workspace: Workspace, job: string, ref: MessageRef, since: number): Promise<string | null> {
  try {
    return await workspace.api.findPosted({ channel: ref.channel, thread: ref.thread }, job, since);
  } catch (error) {
    // If the search is refused, the message is posted anew: at worst a line of text stays behind.
    if (error instanceof Refused && !LOST_TOKEN.has(error.code)) return null;
    throw error;
  }
}

const NO_LONGER_WRITABLE = new Set(['is_archived', 'is_inactive', 'channel_is_limited_access', 'thread_locked']);

/** What people are told in the channel (`here`) and in the direct message (`there`). */
export function whyElsewhere(channel: string, { code }: Refused): { readonly here: string; readonly there: string } {
  if (NO_LONGER_WRITABLE.has(code)) {
    return {
      here: "I can't write in this channel. The answer comes to you as a direct message.",
      there: "Nobody can write in that channel any more, so here's the answer as a direct message.",
    };
  }
  // Nobody can be invited into a conversation of two.
  if (isDirect(channel)) {
    return {
      here: "I'm not in this conversation. The answer comes to you as a direct message.",
      there: "I'm not in that conversation, so here's the answer as a direct message.",
    };
  }
  return {
    here: "I'm not in this channel. Type /invite @wuerst to have me here. This time the answer comes to you as a direct message.",
    there:
      "I'm not in that channel, so here's the answer as a direct message. To have it there, type /invite @wuerst in the channel.",
  };
}
