import { forReader, isOver, type Job } from '../../../bot/job.ts';
import { t } from '../../../texts/translate.ts';
import { JobMessages } from '../../delivery/job-messages.ts';
import { DEFAULT_FILE_LIMIT } from './files.ts';
import { type MessageRef, newRef, parseRef, reachOf, TOKEN_LIFE, type Token } from './message-ref.ts';
import { type ShowingOptions, ShownMessage } from './showing.ts';

/** The first progress may come this soon, in ms: a quick job then needs one edit only. */
const FIRST_EDIT_AFTER = 400;
/** How many jobs are read at once when looking for waiting ones. */
const PAGE = 200;

/** How far the machine's clock may have been set since a job was asked for, in ms. */
const CLOCK_SET = 2 * 3600 * 1000;

/** The messages that show Discord's jobs. */
export class Deliveries extends JobMessages<MessageRef, ShownMessage> {
  protected readonly surface = 'discord';
  protected readonly parseRef = parseRef;
  readonly #options: ShowingOptions;

  constructor(options: ShowingOptions) {
    super(options);
    this.#options = options;
  }

  protected newRef({ caller: { user, room } }: Job): MessageRef {
    return newRef({ interaction: null, user, channel: room, access: true, limit: DEFAULT_FILE_LIMIT });
  }

  protected newMessage(job: Job, ref: MessageRef, settled: boolean): ShownMessage {
    return new ShownMessage(this, job, ref, { ...this.#options, settled });
  }

  /**
   * Shows a job in the message that `ref` names, from now on. `ref` is stored already; `left` is what showed the job
   * before, if anything did.
   */
  follow(jobId: string, ref: MessageRef, left: MessageRef | null): void {
    const job = this.core.job(jobId);
    if (!job) return;
    const message = this.add(job, ref);
    if (!isOver(job)) message.waitFor(FIRST_EDIT_AFTER);
    message.touch();
    if (left && !isOver(job)) {
      const text = forReader(job.caller, () => t('This was asked for again, and is shown there.'));
      void message.say(reachOf(left), text);
    }
  }

  /** A click on one of a job's messages: its token reaches that message for a while. */
  renewToken(jobId: string, message: string, token: Token): void {
    const shown = this.messages.get(jobId);
    const ref = shown?.ref ?? this.storedRef(jobId);
    if (!ref) return;
    const copy = ref.copies.find((known) => known.message === message);
    if (copy) copy.interaction = token;
    else if (ref.place === 'reply' && ref.target.message === message) ref.interaction = token;
    else return;
    this.core.saveMessage(jobId, ref);
    const job = this.core.job(jobId);
    if (!job) return;
    const renewed = shown ?? this.add(job, ref, true);
    renewed.retryNow();
    renewed.touch();
  }

  override resume(): void {
    super.resume();
    for (const job of this.#recentlyAsked()) this.takeUp(job);
  }

  #mayBeAnswered({ id }: Job): boolean {
    const { interaction = null } = this.storedRef(id) ?? {};
    return interaction !== null && interaction.expires > this.clock.now();
  }

  /** Unfinished jobs whose interaction's token may still live: people have to be told before it dies. */
  #recentlyAsked(): readonly Job[] {
    const recent: Job[] = [];
    for (let before: string | undefined; ; ) {
      const page = this.core.jobs({ surface: 'discord', limit: PAGE, ...(before === undefined ? {} : { before }) });
      const since = this.clock.now() - TOKEN_LIFE;
      const young = page.filter(({ createdAt }) => createdAt > since - CLOCK_SET);
      recent.push(...young.filter((job) => !isOver(job) && (job.createdAt > since || this.#mayBeAnswered(job))));
      if (young.length < PAGE) return recent;
      before = page.at(-1)?.id;
    }
  }
}
