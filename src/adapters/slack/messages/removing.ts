import * as z from 'zod';
import type { Doomed } from '../../../bot/core.ts';
import { t, translatable } from '../../../texts/translate.ts';
import type { DeliveryOptions } from '../../delivery/job-message.ts';
import { Removals, type Rest } from '../../delivery/removals.ts';
import { LOST_TOKEN, problemOf, Refused, whyOf } from '../web-api/errors.ts';
import { type Workspace, type Workspaces, within } from '../web-api/workspaces.ts';
import { copiesOf, filesOf, type MessageRef, type Posted, parseRef, posted } from './message-ref.ts';
import { search } from './posting.ts';
import { sentences } from './telling.ts';
import { deleteFile } from './uploads.ts';

/** What is known of messages and files besides those of jobs, and what is left of a job's that was erased. */
const handle = z.object({
  team: z.string(),
  enterprise: z.string().nullable(),
  messages: z.array(posted),
  files: z.array(z.string()),
});

const ERASED = translatable('This was erased by the person who asked for it.');

/** How far before the first try to post a message it is looked for, in ms. */
const SKEW = 2 * 3600 * 1000;

/** Removes Slack's messages and files of people who were erased, and files of pictures that were deleted. */
export class SlackRemovals extends Removals {
  readonly #workspaces: Workspaces;

  constructor(options: DeliveryOptions & { readonly workspaces: Workspaces }) {
    super('slack', options);
    this.#workspaces = options.workspaces;
  }

  protected whyOf(error: unknown): string {
    return whyOf(error);
  }

  protected async remove({ job, handle: stored }: Doomed): Promise<Rest | null> {
    const ref = parseRef(stored);
    const known = ref ?? handle.safeParse(stored).data;
    if (known === undefined) return null;
    const { team, enterprise } = known;
    const workspace = this.#workspaces.of({ team, enterprise });
    const { messages, files } = ref === null ? handle.parse(stored) : await this.#partsOf(workspace, job, ref);
    // Pictures first: without them a message is a line of text.
    const whyFiles = await this.#each(files, (file) => this.#deleteFile(workspace, file));
    const whyMessages = await this.#each(messages, (message) => this.#deleteMessage(workspace, message));
    const [why] = [...whyFiles.values(), ...whyMessages.values()];
    if (why === undefined) return null;
    return { handle: { team, enterprise, messages: [...whyMessages.keys()], files: [...whyFiles.keys()] }, why };
  }

  /** What could not be removed, and why. */
  async #each<T>(all: readonly T[], remove: (one: T) => Promise<void>): Promise<Map<T, () => string>> {
    const left = new Map<T, () => string>();
    for (const one of all) {
      try {
        await remove(one);
      } catch (error) {
        left.set(one, () => whyOf(error));
      }
    }
    return left;
  }

  async #partsOf(workspace: Workspace, job: string, ref: MessageRef) {
    const messages = copiesOf(ref);
    // It may have been posted although that was never stored.
    const since = ref.ts === null ? ref.triedAt : null;
    const ts = since === null ? null : await search(workspace, job, ref, since - SKEW);
    if (ts !== null) messages.push({ channel: ref.channel, ts });
    return { messages, files: filesOf(ref) };
  }

  #deleteFile(workspace: Workspace, file: string): Promise<void> {
    return within(workspace.removals, `file ${file}`, 'final', () => deleteFile(workspace, file));
  }

  /** Where a message may not be deleted, nothing is left in it. */
  async #deleteMessage(workspace: Workspace, { channel, ts }: Posted): Promise<void> {
    const { api, removals, updates } = workspace;
    try {
      await within(removals, `message ${channel} ${ts}`, 'final', () => api.deleteMessage(channel, ts));
    } catch (error) {
      const problem = problemOf(error);
      if (problem instanceof Refused && problem.code === 'message_not_found') return;
      if (!(problem instanceof Refused) || LOST_TOKEN.has(problem.code)) throw problem;
      await within(updates, `erased ${channel} ${ts}`, 'final', () => api.update(channel, ts, sentences(t(ERASED))));
    }
  }
}
