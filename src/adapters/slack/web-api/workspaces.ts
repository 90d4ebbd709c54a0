import type { webApi } from '@slack/bolt';
import type { Clock } from '../../../system/clock.ts';
import { type ApiOptions, createApi, type SlackApi } from './api.ts';
import { CallBudget, type Urgency } from './call-budget.ts';
import { RateLimited } from './errors.ts';

/** Posts in one channel: Slack takes about one a second. https://docs.slack.dev/apis/web-api/rate-limits */
const POSTS_PER_MINUTE = 55;
/** Uploads of a workspace: each needs one call of every file method, and Slack takes 100 of each a minute. */
const UPLOADS_PER_MINUTE = 80;
/** Looks at whether uploads have been taken in. */
const LOOKS_PER_MINUTE = 95;
/** Channels whose post budget is kept, so that a bot in thousands of channels does not grow. */
const KEPT_CHANNELS = 500;

/** What all jobs of a workspace share: the token and the calls that it allows. */
export interface Workspace {
  readonly team: string;
  readonly api: SlackApi;
  /** `chat.update` of all jobs together. */
  readonly updates: CallBudget;
  readonly uploads: CallBudget;
  readonly looks: CallBudget;
  posts(channel: string): CallBudget;
  /** Forgets every call that waits. */
  clear(): void;
}

export interface Workspaces {
  of(team: string, enterprise: string | null): Workspace;
  /** Every workspace seen since the start. */
  all(): readonly Workspace[];
}

export interface WorkspacesOptions {
  readonly api: ApiOptions;
  readonly client: webApi.WebClient;
  readonly clock: Clock;
  readonly updatesPerMinute: number;
  /** The workspace's bot token. Rejects where the app is not installed (any more). */
  tokenOf(team: string, enterprise: string | null): Promise<string>;
}

export function createWorkspaces({ api, client, clock, updatesPerMinute, tokenOf }: WorkspacesOptions): Workspaces {
  const known = new Map<string, Workspace>();

  function create(team: string, enterprise: string | null): Workspace {
    const channels = new Map<string, CallBudget>();
    const updates = new CallBudget({ clock, perMinute: updatesPerMinute, burst: Math.floor(updatesPerMinute / 9) + 1 });
    const uploads = new CallBudget({ clock, perMinute: UPLOADS_PER_MINUTE, burst: 30 });
    const looks = new CallBudget({ clock, perMinute: LOOKS_PER_MINUTE, burst: 20 });
    return {
      team,
      api: createApi(api, client, () => tokenOf(team, enterprise)),
      updates,
      uploads,
      looks,
      clear() {
        for (const budget of [updates, uploads, looks, ...channels.values()]) budget.clear();
      },
      posts(channel) {
        let budget = channels.get(channel);
        if (!budget) {
          for (const [id, idle] of channels) {
            if (channels.size < KEPT_CHANNELS) break;
            if (idle.size === 0) channels.delete(id);
          }
          budget = new CallBudget({ clock, perMinute: POSTS_PER_MINUTE, burst: 5 });
          channels.set(channel, budget);
        }
        return budget;
      },
    };
  }

  return {
    of(team, enterprise) {
      let workspace = known.get(team);
      if (!workspace) {
        workspace = create(team, enterprise);
        known.set(team, workspace);
      }
      return workspace;
    },
    all: () => [...known.values()],
  };
}

/** Runs `task` when the budget allows, again after every Retry-After, and passes on what became of it. */
export function within<T>(budget: CallBudget, key: string, urgency: Urgency, task: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    budget.submit(key, urgency, async () => {
      try {
        resolve(await task());
      } catch (error) {
        if (error instanceof RateLimited) throw error;
        reject(error);
      }
    });
  });
}
