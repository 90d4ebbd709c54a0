import type { Workspace } from '../web-api/workspaces.ts';
import type { MessageRef } from './message-ref.ts';
import type { Detail } from './render.ts';

/** One job's message. */
export interface Watch {
  readonly jobId: string;
  readonly ref: MessageRef;
  readonly workspace: Workspace;
  moved: ((why: string) => void) | null;
  /** Something happened since `work` last looked. */
  dirty: boolean;
  working: boolean;
  /** `work` will look within moments. */
  soon: boolean;
  /** Nobody can see its progress; the result goes elsewhere. */
  hidden: boolean;
  dropped: boolean;
  failures: number;
  detail: Detail;
  /** What was last shown, as JSON. */
  shown: string;
  updatedAt: number;
  cancelRetry: (() => void) | null;
}

export function newWatch(jobId: string, ref: MessageRef, workspace: Workspace): Watch {
  return {
    ...{ jobId, ref, workspace, moved: null, dirty: true, working: false, soon: false, hidden: false, dropped: false },
    ...{ failures: 0, detail: 'all', shown: '', updatedAt: 0, cancelRetry: null },
  };
}
