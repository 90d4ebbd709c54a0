import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JobMessage } from '../../../src/adapters/delivery/job-message.ts';
import { JobMessages } from '../../../src/adapters/delivery/job-messages.ts';
import type { Job } from '../../../src/bot/job.ts';
import { ManualClock } from '../../manual-clock.ts';
import { FakeCore, REQUEST } from '../fake-core.ts';

const CALLER = {
  surface: 'discord',
  user: 'ann',
  name: 'Ann',
  room: 'room',
  guild: null,
  payer: 'ann',
  moderator: false,
  ageRestricted: false,
} as const;

const PROGRESS_GAP = 2000;

type Ref = { readonly room: string };

class TestMessage extends JobMessage<Ref> {
  readonly #platform: TestPlatform;

  constructor(platform: TestPlatform, job: Job, ref: Ref) {
    super(platform, job, ref);
    this.#platform = platform;
  }

  protected async bringUpToDate(job: Job): Promise<string | null> {
    this.#platform.log.push(job.state);
    this.noProgressBefore = this.delivery.clock.monotonic() + PROGRESS_GAP;
    await this.#platform.send();
    return null;
  }

  protected async recover(): Promise<void> {
    this.again(this.backOff());
  }
}

class TestPlatform extends JobMessages<Ref, TestMessage> {
  protected readonly surface = 'discord';
  /** The states that were shown, or tried to be. */
  readonly log: string[] = [];
  send: () => Promise<void> = async () => undefined;

  protected readonly parseRef = (stored: unknown) => stored as Ref | null;

  protected newRef({ caller }: Job): Ref {
    return { room: caller.room };
  }

  protected newMessage(job: Job, ref: Ref): TestMessage {
    return new TestMessage(this, job, ref);
  }
}

const logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The event loop turns often enough for everything that does not wait for the clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
}

async function setting(stored = true) {
  const clock = new ManualClock();
  const core = new FakeCore({ now: () => clock.now() });
  const platform = new TestPlatform({ core, clock, logger });
  core.subscribe((event) => platform.onEvent(event));
  const outcome = core.accept(REQUEST, CALLER);
  if (outcome.kind !== 'job') throw new Error('A request makes a job.');
  const { id } = outcome.job;
  if (stored) {
    core.saveMessage(id, { room: 'room' });
    clock.advance(5000);
  }
  return { clock, core, platform, id };
}

test('a job that nobody claims gets a message in its room after five seconds', async () => {
  const { clock, core, platform, id } = await setting(false);
  clock.advance(4999);
  await settle();
  assert.deepEqual([platform.log, core.messages.size], [[], 0]);
  clock.advance(1);
  await settle();
  assert.deepEqual([platform.log, core.messages.get(id)], [['queued'], { room: 'room' }]);
});

test('what a program asked for by a key is shown nowhere, and counts as delivered at its end, also after a restart', async () => {
  const { clock, core, platform } = await setting();
  platform.log.length = 0;
  const program = { ...CALLER, user: 'key:abc123', room: 'key:abc123' };
  const outcomes = [core.accept(REQUEST, program), core.accept(REQUEST, program)];
  const [first = '', second = ''] = outcomes.map((outcome) => (outcome.kind === 'job' ? outcome.job.id : ''));
  clock.advance(5000);
  core.finish(first);
  await settle();
  const ids = () => core.undelivered('discord').map(({ id }) => id);
  assert.deepEqual([platform.log, ids().includes(first)], [[], false]);
  await platform.drain(0);
  core.finish(second);
  assert.ok(ids().includes(second));
  new TestPlatform({ core, clock, logger }).resume();
  await settle();
  assert.deepEqual([platform.log, ids().includes(second)], [[], false]);
});

test('a failed attempt is repeated after one second, then after two, and so on, and the end is noted once', async () => {
  const { clock, core, platform, id } = await setting();
  let failures = 3;
  platform.send = async () => {
    if (failures-- > 0) throw new Error('The network is gone.');
  };
  core.finish(id);
  await settle();
  for (const [wait, attempts] of [
    [999, 1],
    [1, 2],
    [1999, 2],
    [1, 3],
    [4000, 4],
  ] as const) {
    clock.advance(wait);
    await settle();
    assert.equal(platform.log.length, attempts);
  }
  assert.deepEqual([...core.delivered], [[id, null]]);
  clock.advance(100_000);
  await settle();
  assert.equal(platform.log.length, 4);
});

test('progress waits for its pause, the end does not', async () => {
  const { clock, core, platform, id } = await setting();
  core.started(id);
  await settle();
  core.step(id, 0.5);
  core.step(id, 0.6);
  await settle();
  assert.deepEqual(platform.log, ['running']);
  clock.advance(PROGRESS_GAP);
  await settle();
  assert.deepEqual(platform.log, ['running', 'running']);
  core.step(id, 0.7);
  core.finish(id);
  await settle();
  assert.deepEqual(platform.log, ['running', 'running', 'done']);
});

test('what happens during an update is shown by the next one, and updates never overlap', async () => {
  const { core, platform, id } = await setting();
  let open: () => void = () => undefined;
  platform.send = () => new Promise((resolve) => (open = resolve));
  core.started(id);
  await settle();
  core.finish(id);
  await settle();
  assert.deepEqual(platform.log, ['running']);
  open();
  await settle();
  open();
  await settle();
  assert.deepEqual(platform.log, ['running', 'done']);
  assert.equal(core.delivered.size, 1);
});

test('draining waits for the end that is being sent, and then nothing more is sent', async () => {
  const { core, platform, id } = await setting();
  let open: () => void = () => undefined;
  platform.send = () => new Promise((resolve) => (open = resolve));
  core.finish(id);
  await settle();
  let drained = false;
  const draining = platform.drain(60_000).then(() => {
    drained = true;
  });
  await settle();
  assert.equal(drained, false);
  open();
  await draining;
  assert.equal(core.delivered.size, 1);
  core.deleteImage(id, 0);
  await settle();
  assert.deepEqual(platform.log, ['done']);
});

test('after a restart ends that were not shown are shown, and what waits is left alone', async () => {
  const { clock, core, platform, id } = await setting();
  await platform.drain(0);
  core.accept({ ...REQUEST, prompt: 'another' }, CALLER);
  core.finish(id);
  const next = new TestPlatform({ core, clock, logger });
  next.resume();
  await settle();
  assert.deepEqual([next.log, core.delivered.size], [['done'], 1]);
});
