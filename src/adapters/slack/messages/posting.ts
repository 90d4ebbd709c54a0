import type { Clock } from '../../../system/clock.ts';
import type { Message } from '../web-api/api.ts';
import { LOST_TOKEN, Refused } from '../web-api/errors.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';
import type { MessageRef } from './message-ref.ts';

/** How far Slack's clock may be behind ours, in ms. */
const SKEW = 60_000;

/**
 * Posts the message of a job where `ref` says and notes its `ts`. `chat.postMessage` has no idempotency key: where an
 * earlier try may have come through, the conversation is searched for it first. The message shows no pictures yet, so
 * that one which is lost in spite of that is a waiting line only.
 */
export async function ensurePosted(
  workspace: Workspace,
  job: string,
  ref: MessageRef,
  options: { readonly clock: Clock; readonly message: Message; readonly save: () => void },
): Promise<void> {
  const { clock, message, save } = options;
  if (ref.ts !== null) return;
  if (ref.triedAt !== null) {
    const found = await search(workspace, job, ref, ref.triedAt - SKEW);
    if (found !== null) {
      ref.ts = found;
      save();
      return;
    }
  }
  ref.triedAt ??= clock.now();
  save();
  const place = { channel: ref.channel, thread: ref.thread };
  const { ts, channel } = await within(workspace.posts(ref.channel), job, 'final', () =>
    workspace.api.post(place, message, job),
  );
  ref.ts = ts;
  ref.channel = channel;
  save();
}

async function search(workspace: Workspace, job: string, ref: MessageRef, since: number): Promise<string | null> {
  try {
    return await workspace.api.findPosted({ channel: ref.channel, thread: ref.thread }, job, since);
  } catch (error) {
    // What cannot be searched is posted anew: at worst a waiting line stays behind.
    if (error instanceof Refused && !LOST_TOKEN.has(error.code)) return null;
    throw error;
  }
}
