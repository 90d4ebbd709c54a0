import type { Clock } from '../../system/clock.ts';
import type { History } from '../history/history.ts';
import type { Dispatcher } from '../jobs/dispatcher.ts';
import type { EventBus } from '../jobs/event-bus.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { Painters } from '../jobs/painters.ts';
import type { QueuePositions } from '../jobs/queue-positions.ts';
import type { Removals } from '../jobs/removals.ts';
import type { LostImages } from '../jobs/restore-images.ts';
import type { Submissions } from '../jobs/submissions.ts';
import type { PromptFolder } from '../prompts/prompt-folder.ts';
import type { GuildRules } from '../rules/guild-rules.ts';

/** What commands and buttons are carried out with. */
export interface StudioParts {
  readonly history: History;
  readonly rules: GuildRules;
  readonly queue: JobQueue;
  readonly painters: Pick<Painters, 'all'>;
  readonly dispatcher: Dispatcher;
  readonly positions: QueuePositions;
  readonly submissions: Submissions;
  readonly images: LostImages;
  readonly bus: EventBus;
  readonly removals: Removals;
  readonly clock: Clock;
  readonly randomSeed: () => bigint;
  /** What whoever runs the bot has put into the data folder. */
  readonly prompts: PromptFolder | undefined;
  /** Who signs the pictures. */
  readonly signature: () => string | undefined;
}
