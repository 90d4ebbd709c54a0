import type { Conversation, Message } from '../web-api/api.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';
import { plainSection } from './render.ts';

/** The ways to tell one person something where they asked. */
export interface Telling {
  readonly workspace: Workspace;
  /** Unique among what waits to be sent there. */
  readonly key: string;
  readonly place: Conversation;
  readonly user: string;
  /** Through the interaction's own address, which works for 30 minutes, also in channels that the bot is not in. */
  readonly respond: ((message: Message) => Promise<void>) | null;
  /** Told of every request that fails. */
  readonly note: (error: unknown) => void;
}

/** Sentences of our own as a message. */
export function sentences(text: string): Message {
  return { text, blocks: [plainSection(text, 2900)] };
}

/** Tells one person something, so that nobody else sees it. Resolves with whether that worked. */
export async function tell({ workspace, key, place, user, respond, note }: Telling, text: string): Promise<boolean> {
  const message = sentences(text);
  const inPlace = () =>
    within(workspace.posts(place.channel), `told ${key}`, 'final', () => workspace.api.ephemeral(place, user, message));
  for (const way of [...(respond === null ? [] : [() => respond(message)]), inPlace]) {
    try {
      await way();
      return true;
    } catch (error) {
      note(error);
    }
  }
  return false;
}
