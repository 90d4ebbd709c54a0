import type { TestContext } from 'node:test';
import { createDiscordAdapter } from '../../../src/adapters/discord/adapter.ts';
import type { Logger } from '../../../src/system/logging.ts';
import { ManualClock } from '../../manual-clock.ts';
import { FakeCore } from '../fake-core.ts';
import { StandIn, type StoredMessage, TOKEN } from './stand-in.ts';

export interface Setting {
  readonly standIn: StandIn;
  readonly core: FakeCore;
  readonly clock: ManualClock;
  readonly log: string[];
  /** The channel of most tests: in a guild, the bot sees it. */
  readonly channel: string;
  /** Moves the clock in small steps, with room for requests between them, until the condition holds. */
  pass(condition: () => boolean, stepMs?: number): Promise<void>;
  /** The only job's id. */
  job(): string;
  /** The only message in the channel that people can see. */
  shown(): StoredMessage;
  /** Stops the adapter, lets `meanwhile` happen, and starts another one on the same core. */
  restart(meanwhile?: () => void): Promise<void>;
}

export function memoryLogger(lines: string[]): Logger {
  const write = (data: object, message: string) => lines.push(`${message} ${JSON.stringify(data)}`);
  return { debug: write, info: write, warn: write, error: write };
}

/** The adapter with a real discord.js client, connected to the stand-in, on a clock of the test's own. */
export async function setting(t: TestContext): Promise<Setting> {
  const clock = new ManualClock();
  // The platform's clock is its own: that of this machine may be set.
  const began = clock.now() - clock.monotonic();
  const standIn = await StandIn.start(() => began + clock.monotonic());
  const core = new FakeCore({ now: () => clock.now() });
  const log: string[] = [];
  const make = () =>
    createDiscordAdapter({
      token: TOKEN,
      apiBase: standIn.apiBase,
      logger: memoryLogger(log),
      clock,
      editInterval: 2500,
    });
  let adapter = make();
  await adapter.start(core);
  t.after(async () => {
    const stopped = adapter.stop(1000);
    clock.advance(2000);
    await stopped;
    await standIn.close();
  });
  const channel = standIn.channel().id;
  return {
    standIn,
    core,
    clock,
    log,
    channel,
    async pass(condition, stepMs = 500) {
      for (let steps = 0; !condition(); steps++) {
        if (steps > 400) throw new Error(`never happened: ${condition}\n${log.slice(-8).join('\n')}`);
        clock.advance(stepMs);
        for (let turn = 0; turn < 4 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
    job() {
      const [id] = [...core.jobsById.keys()].slice(-1);
      if (id === undefined) throw new Error('there is no job');
      return id;
    },
    shown() {
      const [message, ...more] = standIn.visible(channel);
      if (!message || more.length > 0) throw new Error(`${standIn.visible(channel).length} messages instead of one`);
      return message;
    },
    async restart(meanwhile) {
      const stopped = adapter.stop(1000);
      clock.advance(2000);
      await stopped;
      meanwhile?.();
      adapter = make();
      await adapter.start(core);
    },
  };
}
