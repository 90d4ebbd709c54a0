import type { Refused } from '../web-api/errors.ts';
import { isDirect } from '../web-api/ids.ts';
import type { Watch } from './watch.ts';

/** No place is left to show it. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless';
}

const NO_LONGER_WRITABLE = new Set(['is_archived', 'is_inactive', 'channel_is_limited_access', 'thread_locked']);

/** From now on the job is shown in a direct message. Rejects with `Hopeless` where it is already. */
export async function moveToDm(watch: Watch, why: Refused, save: () => void): Promise<void> {
  const { ref, workspace } = watch;
  const dm = await workspace.api.openDm(ref.user);
  if (ref.channel === dm) throw new Hopeless(`the direct message is closed: ${why.code}`);
  const words = whyElsewhere(ref.channel, why);
  ref.note = words.there;
  ref.channel = dm;
  ref.thread = null;
  ref.ts = null;
  ref.triedAt = null;
  watch.hidden = false;
  save();
  watch.moved?.(words.here);
  watch.moved = null;
}

/** What is said where something was asked for, and with the answer, which comes by direct message. */
function whyElsewhere(channel: string, { code }: Refused): { readonly here: string; readonly there: string } {
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
