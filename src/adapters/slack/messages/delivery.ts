import type { Job, JobEvent } from '../../../bot/job.ts';
import { RecentMap } from '../../../system/memo.ts';
import type { Outcome } from '../../adapter.ts';
import type { DeliveryOptions } from '../../delivery/job-message.ts';
import { JobMessages } from '../../delivery/job-messages.ts';
import { problemOf } from '../web-api/errors.ts';
import { scoped, unscoped } from '../web-api/ids.ts';
import type { Workspaces } from '../web-api/workspaces.ts';
import { COPIES, copiesOf, filesOf, type MessageRef, newRef, type Origin, parseRef } from './message-ref.ts';
import type { SharedFiles } from './shared-files.ts';
import { ShownMessage } from './showing.ts';

/** How long a command's origin is remembered for further jobs that it makes, in ms, and how many are. */
const ORIGIN_LIFE = 60_000;
const ORIGINS = 5000;

export interface DeliveriesOptions extends DeliveryOptions {
  readonly workspaces: Workspaces;
  readonly files: SharedFiles;
}

export type JobOutcome = Extract<Outcome, { kind: 'job' }>;

/** The interaction that led to a job. */
interface Cause {
  /** The same for repeated deliveries. */
  readonly key: string;
  readonly origin: Origin;
  /** Answers it through its own address, if it has one. */
  readonly respond: ShownMessage['respond'];
}

/** The messages that show Slack's jobs. */
export class Deliveries extends JobMessages<MessageRef, ShownMessage> {
  protected readonly surface = 'slack';
  protected readonly parseRef = parseRef;
  readonly #workspaces: Workspaces;
  readonly #files: SharedFiles;
  readonly #origins = new RecentMap<string, { readonly origin: Origin; readonly until: number }>(ORIGINS);

  constructor(options: DeliveriesOptions) {
    super(options);
    this.#workspaces = options.workspaces;
    this.#files = options.files;
  }

  protected newRef({ caller }: Job): MessageRef {
    const expected = this.#origins.get(scoped(caller.user, caller.room));
    if (expected !== undefined && expected.until > this.clock.monotonic()) return newRef(expected.origin, null);
    const { team, id: channel } = unscoped(caller.room);
    return newRef({ team, enterprise: null, channel, thread: null, user: unscoped(caller.user).id }, null);
  }

  protected newMessage(job: Job, ref: MessageRef, settled: boolean): ShownMessage {
    return new ShownMessage(this, job, ref, { workspace: this.#workspaces.of(ref), shared: this.#files, settled });
  }

  /** Shows the job that somebody's command or click came to. */
  follow({ job, repeated }: JobOutcome, { key, origin, respond }: Cause): void {
    const stored = this.storedRef(job.id);
    // A repeated request for an earlier job shows it here, unless it is the same delivery again.
    const here = stored === null || (repeated && stored.key !== key);
    const current = this.messages.get(job.id);
    if (current && !here) {
      current.touch();
      return;
    }
    const ref = here ? refAnew(stored, origin, key) : stored;
    if (here && stored !== null) this.#keepCopies(job, ref, stored);
    if (here) this.core.saveMessage(job.id, ref);
    const message = this.add(job, ref);
    message.respond = respond;
    message.touch();
  }

  /** Earlier messages stay in reach, so that they are removed with the job. */
  #keepCopies(job: Job, ref: MessageRef, stored: MessageRef): void {
    const copies = copiesOf(stored);
    const { team, enterprise } = stored;
    const kept = team === ref.team ? copies.slice(-COPIES) : [];
    ref.copies = kept;
    const messages = copies.slice(0, copies.length - kept.length);
    if (messages.length > 0) this.core.postings?.save(job, null, { team, enterprise, messages, files: [] });
    if (team === ref.team) return;
    const files = filesOf(stored);
    if (files.length > 0) this.core.postings?.save(job, null, { team, enterprise, messages: [], files });
  }

  /** Remembers where a command came from, for the further jobs that it makes. */
  expect(user: string, room: string, origin: Origin): void {
    this.#origins.set(scoped(user, room), { origin, until: this.clock.monotonic() + ORIGIN_LIFE });
  }

  /** The workspace has a new token: what waits for it is tried at once. */
  retryNow(team: string): void {
    for (const message of this.messages.values()) if (message.workspace.team === team) message.retryNow();
  }

  override onEvent(event: JobEvent): void {
    super.onEvent(event);
    const { job, type } = event;
    if (type === 'changed' && job.caller.surface !== this.surface && !this.stopped) void this.#discard(job);
  }

  override async drain(ms: number): Promise<void> {
    for (const { updates } of this.#workspaces.all()) updates.dropProgress();
    await super.drain(ms);
    for (const workspace of this.#workspaces.all()) workspace.clear();
  }

  /** Deletes files that show deleted pictures of another platform's job. */
  async #discard(job: Job): Promise<void> {
    try {
      await this.#files.discard(job);
    } catch (error) {
      this.logger.warn({ job: job.id, problem: problemOf(error).message }, 'slack: a file could not be deleted');
    }
  }
}

/** A new message for a job takes over its uploaded pictures. The old message stays and is not updated any more. */
function refAnew(stored: MessageRef | null, origin: Origin, key: string): MessageRef {
  const ref = newRef(origin, key);
  if (stored === null || stored.team !== origin.team) return ref;
  const { files, stale, preview } = structuredClone(stored);
  return { ...ref, files, stale: preview === null ? stale : [...stale, preview] };
}
