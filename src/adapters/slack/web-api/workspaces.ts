import type { webApi } from '@slack/bolt';
import type { Clock } from '../../../system/clock.ts';
import type { PlatformTime } from '../../delivery/platform-time.ts';
import { type ApiOptions, SlackApi } from './api.ts';
import { CallBudget, type Urgency } from './call-budget.ts';
import { RateLimited } from './errors.ts';

/** Posts in one channel: Slack takes about one a second. https://docs.slack.dev/apis/web-api/rate-limits */
const POSTS_PER_MINUTE = 55;
/** Uploads of a workspace: each needs one call of every file method, and Slack takes 100 of each a minute. */
const UPLOADS_PER_MINUTE = 80;
/** Checks of whether Slack has taken a file in. */
const CHECKS_PER_MINUTE = 95;
/** Messages and files removed: Slack takes about 50 of each a minute. */
const REMOVALS_PER_MINUTE = 40;
/** How many channels' post budgets are kept, so that memory does not grow with thousands of channels. */
const KEPT_CHANNELS = 500;

export interface WorkspacesOptions {
  readonly api: ApiOptions;
  readonly client: webApi.WebClient;
  readonly clock: Clock;
  readonly updatesPerMinute: number;
  /** Slack's time of day. */
  readonly time: PlatformTime;
  /** The workspace's bot token. Rejects where the app is not installed (any more). */
  tokenOf(team: string, enterprise: string | null): Promise<string>;
  /** Called when Slack does not accept a token. */
  tokenLost(): void;
}

/** What all jobs of a workspace share: the token and the calls that it allows. */
export class Workspace {
  readonly team: string;
  readonly enterprise: string | null;
  readonly api: SlackApi;
  readonly time: PlatformTime;
  /** `chat.update` of all jobs together. */
  readonly updates: CallBudget;
  readonly uploads: CallBudget;
  readonly fileChecks: CallBudget;
  /** Messages and files to be removed. */
  readonly removals: CallBudget;
  readonly #clock: Clock;
  readonly #channels = new Map<string, CallBudget>();

  constructor(team: string, enterprise: string | null, options: WorkspacesOptions) {
    const { api, client, clock, time, updatesPerMinute, tokenOf, tokenLost } = options;
    this.team = team;
    this.enterprise = enterprise;
    this.time = time;
    this.api = new SlackApi(api, client, { tokenOf: () => tokenOf(team, enterprise), tokenLost });
    this.updates = new CallBudget({ clock, perMinute: updatesPerMinute, burst: Math.floor(updatesPerMinute / 9) + 1 });
    this.uploads = new CallBudget({ clock, perMinute: UPLOADS_PER_MINUTE, burst: 30 });
    this.fileChecks = new CallBudget({ clock, perMinute: CHECKS_PER_MINUTE, burst: 20 });
    this.removals = new CallBudget({ clock, perMinute: REMOVALS_PER_MINUTE, burst: 10 });
    this.#clock = clock;
  }

  posts(channel: string): CallBudget {
    const known = this.#channels.get(channel);
    if (known) return known;
    for (const [id, idle] of this.#channels) {
      if (this.#channels.size < KEPT_CHANNELS) break;
      if (idle.size === 0) this.#channels.delete(id);
    }
    const budget = new CallBudget({ clock: this.#clock, perMinute: POSTS_PER_MINUTE, burst: 5 });
    this.#channels.set(channel, budget);
    return budget;
  }

  /** Forgets all waiting calls. */
  clear(): void {
    for (const budget of [this.updates, this.uploads, this.fileChecks, this.removals, ...this.#channels.values()])
      budget.clear();
  }
}

/** Every workspace seen since the start. */
export class Workspaces {
  readonly #options: WorkspacesOptions;
  readonly #known = new Map<string, Workspace>();

  constructor(options: WorkspacesOptions) {
    this.#options = options;
  }

  of({ team, enterprise }: { readonly team: string; readonly enterprise: string | null }): Workspace {
    let workspace = this.#known.get(team);
    if (!workspace) {
      workspace = new Workspace(team, enterprise, this.#options);
      this.#known.set(team, workspace);
    }
    return workspace;
  }

  all(): readonly Workspace[] {
    return [...this.#known.values()];
  }
}

/** Runs `task` when the budget allows, and again after each Retry-After. Settles as the task does. */
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
