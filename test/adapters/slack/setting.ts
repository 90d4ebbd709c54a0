import type { TestContext } from 'node:test';
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import type { SlackAdapterOptions } from '../../../src/adapters/slack/options.ts';
import type { Logger } from '../../../src/system/logging.ts';
import { ManualClock } from '../../manual-clock.ts';
import { FakeCore } from '../fake-core.ts';
import { APP_TOKEN, BOT_TOKEN, StandIn, type StoredMessage } from './stand-in.ts';

export interface Setting {
  readonly standIn: StandIn;
  readonly core: FakeCore;
  readonly clock: ManualClock;
  readonly log: string[];
  /** The channel of most tests: the bot is in it. */
  readonly channel: string;
  /** Moves the clock in small steps, with room for requests between them, until the condition holds. */
  pass(condition: () => boolean, stepMs?: number): Promise<void>;
  /** The newest job's id. */
  job(): string;
  /** The only message in the channel that everybody can see. */
  shown(): StoredMessage;
  /** What only Ann can see, newest last. */
  whispered(channel?: string): StoredMessage[];
  /** Stops the adapter, lets `meanwhile` happen, and starts another one on the same core. */
  restart(meanwhile?: () => void): Promise<void>;
}

export function memoryLogger(lines: string[]): Logger {
  const write = (data: object, message: string) => lines.push(`${message} ${JSON.stringify(data)}`);
  return { debug: write, info: write, warn: write, error: write };
}

export async function passTime(
  clock: ManualClock,
  condition: () => boolean,
  { log, stepMs = 250 }: { readonly log: readonly string[]; readonly stepMs?: number },
): Promise<void> {
  for (let steps = 0; !condition(); steps++) {
    if (steps > 1200) throw new Error(`never happened: ${condition}\n${log.slice(-8).join('\n')}`);
    clock.advance(stepMs);
    for (let turn = 0; turn < 3 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The adapter with a real Bolt app, connected to the stand-in, on a clock of the test's own. */
export async function setting(t: TestContext, options: Partial<SlackAdapterOptions> = {}): Promise<Setting> {
  const clock = new ManualClock();
  // The platform's clock is its own: that of this machine may be set.
  const began = clock.now() - clock.monotonic();
  const standIn = await StandIn.start(() => began + clock.monotonic());
  const core = new FakeCore({ now: () => clock.now() });
  const log: string[] = [];
  const make = () =>
    createSlackAdapter({
      botToken: BOT_TOKEN,
      transport: { kind: 'socket', appToken: APP_TOKEN },
      port: 0,
      apiUrl: standIn.apiUrl,
      logger: memoryLogger(log),
      clock,
      ...options,
    });
  let adapter = make();
  const stop = async () => {
    const stopped = adapter.stop(1000);
    const ticks = setInterval(() => clock.advance(500), 5);
    await stopped;
    clearInterval(ticks);
  };
  t.after(async () => {
    await stop();
    await standIn.close();
  });
  await adapter.start(core);
  const channel = standIn.channel().id;
  return {
    standIn,
    core,
    clock,
    log,
    channel,
    pass: (condition, stepMs) => passTime(clock, condition, { log, ...(stepMs === undefined ? {} : { stepMs }) }),
    job() {
      const id = [...core.jobsById.keys()].at(-1);
      if (id === undefined) throw new Error('there is no job');
      return id;
    },
    shown() {
      const all = standIn.visible(channel).filter(({ only }) => only === null);
      const [message] = all;
      if (!message || all.length > 1) throw new Error(`${all.length} messages instead of one`);
      return message;
    },
    whispered: (where = channel) => standIn.visible(where).filter(({ only }) => only !== null),
    async restart(meanwhile) {
      await stop();
      meanwhile?.();
      adapter = make();
      await adapter.start(core);
    },
  };
}
