import type { EngineInfo, LoadOptions } from '../../pipeline/process/protocol.ts';
import type { Clock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import type { RedisAddress } from '../redis-address.ts';

export interface WorkerOptions {
  readonly redis: RedisAddress;
  /** The bot's address; ends with a slash. */
  readonly bot: URL;
  /** For people. */
  readonly name: string;
  readonly engine: string;
  readonly load: LoadOptions;
  /** File of the lock that the pipeline process holds. */
  readonly lockPath: string;
  /** What its speed depends on besides the provider, e.g. the GPU; given what was loaded. */
  readonly hardware: (info: EngineInfo) => string;
  /** Hashes of the LoRAs that this worker has. */
  readonly loras: () => Promise<readonly string[]>;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly timing?: Partial<Timing>;
  /** Of this program. @default its version */
  readonly version?: string;
  /** Node's options for the pipeline process. @default those of this one */
  readonly execArgv?: readonly string[] | undefined;
}

/** All in milliseconds. */
export interface Timing {
  /** How long a job stays this worker's without a renewal. */
  readonly lockMs: number;
  readonly beatMs: number;
  readonly registerMs: number;
  /** How long the bot may be away before a job is given up. */
  readonly patienceMs: number;
  readonly silenceMs: number;
  /** How long one that leaves, and has nothing to do, waits for the bot to let it go. */
  readonly releaseMs: number;
  /** To tell Redis that the job has ended. */
  readonly closeMs: number;
}

export interface RunningWorker {
  readonly id: string;
  /** Of the pipeline process. */
  readonly pid: number | null;
  /** Takes no new job, finishes the one that it has, and stops. */
  drain(): Promise<void>;
  /** Gives the job back that it has, and stops. */
  giveBack(): Promise<void>;
  /** Resolves when it has stopped; rejects with the reason if the bot refuses it. */
  readonly stopped: Promise<void>;
}
