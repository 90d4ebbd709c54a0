import type { ApiKeys } from '../../../bot/history/api-keys.ts';
import type { Actor } from '../../../bot/history/audit.ts';
import type { ModelManager } from '../../../models/model-manager.ts';

/** A painter on another machine. */
export interface WorkerReport {
  readonly id: string;
  readonly name: string;
  /** What the bot has decided about it; `null` before. */
  readonly state: 'accepted' | 'draining' | 'released' | 'refused' | null;
  /** Why it is refused. */
  readonly reason: string | null;
  /** When it came, in milliseconds since 1970; `null` for one whose registration cannot be read. */
  readonly since: number | null;
  readonly provider: string | null;
  readonly hardware: string | null;
  /** The style that it paints. */
  readonly paints: string | null;
  /** Seconds of a step, by stage. */
  readonly steps: Readonly<Record<string, number>>;
  readonly painted: number;
  readonly lost: number;
  readonly lastError: string | null;
}

export type WorkerOrder = 'drain' | 'ban';

export interface Workers {
  readonly all: () => readonly WorkerReport[];
  /** What was ordered, by name. */
  readonly orders: () => Readonly<Record<string, WorkerOrder>>;
  /** @param order `undefined` takes the last one back */
  readonly give: (name: string, order: WorkerOrder | undefined, by: Actor) => void;
}

/** Bytes on disk. */
export interface DiskReport {
  readonly data: { readonly folder: string; readonly database: number; readonly free: number };
  readonly models: { readonly folder: string; readonly bytes: number; readonly free: number };
}

/** What runs beside the core and is looked after on the page of the administration. */
export interface Operations {
  /** Absent where only this machine paints. */
  readonly workers?: Workers;
  readonly models: ModelManager;
  readonly keys: Pick<ApiKeys, 'all' | 'create' | 'revoke'>;
  readonly disk: () => Promise<DiskReport>;
}
