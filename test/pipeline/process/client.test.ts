import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import {
  type Ending,
  PipelineClient,
  type PipelineClientOptions,
  PipelineCrashed,
  type PipelineStatus,
  PipelineStopped,
} from '../../../src/pipeline/process/client.ts';
import type { EngineEvent } from '../../../src/pipeline/process/protocol.ts';
import { OperatorError, UserError } from '../../../src/system/errors.ts';
import { acquireLock } from '../../../src/system/file-lock.ts';
import { ManualClock } from '../../manual-clock.ts';
import { request } from '../requests.ts';

const folder = mkdtempSync(join(tmpdir(), 'wuerst-client-'));
let locks = 0;
after(() => rmSync(folder, { recursive: true }));

interface Setting {
  readonly client: PipelineClient;
  readonly endings: Ending[];
  /** Resolves with the first status, from now on, that fits. */
  readonly status: (fits: (status: PipelineStatus) => boolean) => Promise<PipelineStatus>;
}

function setting(context: TestContext, options: Partial<PipelineClientOptions> = {}): Setting {
  const endings: Ending[] = [];
  const hopes = new Set<(status: PipelineStatus) => void>();
  locks += 1;
  const client = new PipelineClient({
    engine: new URL('./fake-engine.ts', import.meta.url).href,
    load: { model: 'cocktail' },
    lockPath: join(folder, `${locks}.lock`),
    backoff: { firstMs: 1, maxMs: 1 },
    onCrash: (ending) => endings.push(ending),
    onStatus: (status) => {
      for (const hope of hopes) hope(status);
    },
    ...options,
  });
  context.after(() => client.stop({ deadlineMs: 0 }));
  const status: Setting['status'] = (fits) =>
    new Promise((resolve) => {
      const hope = (status: PipelineStatus) => {
        if (fits(status)) resolve(status);
      };
      hopes.add(hope);
      hope(client.status);
    });
  return { client, endings, status };
}

async function collect(events: AsyncIterable<EngineEvent>): Promise<EngineEvent[]> {
  const collected: EngineEvent[] = [];
  for await (const event of events) collected.push(event);
  return collected;
}

/** This process reads no messages until there is that file. */
function isBusyUntil(file: string): boolean {
  while (!existsSync(file)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  return false;
}

const inCall = (name: string) => (status: PipelineStatus) => status.call?.name === name;

describe('a request', () => {
  test('brings its steps, previews, images with metadata and embeddings, and timings, in order', async (context) => {
    const { client } = setting(context);
    assert.deepEqual(await client.start(), { checkpoint: 'hash of cocktail', provider: 'fake-fp32', styles: ['base'] });
    const events = await collect(client.generate(request('a fox')));
    assert.deepEqual(
      events.map((event) => event.type),
      ['step', 'step', 'image', 'image', 'done'],
    );
    const [step, , first, second, done] = events;
    assert.ok(step?.type === 'step' && first?.type === 'image' && second?.type === 'image' && done?.type === 'done');
    assert.deepEqual(step.preview, Uint8Array.of(0, 2));
    assert.deepEqual(first.metadata, { prompt: 'a fox', seed: '18446744073709551615' });
    assert.deepEqual(first.embedding, { dims: [2], data: Float32Array.of(0.5, -200) });
    assert.equal(second.png.length, 300_000);
    assert.ok(second.png.every((byte) => byte === 1));
    assert.deepEqual(second.embedding, { dims: [1, 3], data: Float32Array.of(1, 2, 3) });
    assert.equal(done.timings.prior, 12.5);
  });

  test('waits for its turn behind another', async (context) => {
    const { client } = setting(context);
    await client.start();
    const order: string[] = [];
    await Promise.all(
      ['a', 'b', 'c'].map(async (prompt) => {
        for await (const event of client.generate(request(prompt))) order.push(`${prompt} ${event.type}`);
      }),
    );
    assert.deepEqual(
      order.filter((entry) => !entry.includes('step') && !entry.includes('image')),
      ['a done', 'b done', 'c done'],
    );
    assert.equal(order.indexOf('b step'), order.indexOf('a done') + 1);
  });

  test('does not wait where it may be painted alongside, and others after it wait for all', async (context) => {
    const { client } = setting(context);
    await client.start();
    const stop = new AbortController();
    const waiting = assert.rejects(collect(client.generate(request('wait'), { signal: stop.signal })), /enough/);
    assert.equal((await collect(client.generate(request('a fox'), { alongside: true }))).at(-1)?.type, 'done');
    assert.equal(client.status.state, 'busy');
    const behind = collect(client.generate(request('a cat')));
    stop.abort(new Error('enough'));
    await waiting;
    assert.equal((await behind).at(-1)?.type, 'done');
    assert.equal(client.status.state, 'ready');
  });

  test('waits on while the process that replaces a dead one dies before it has loaded', async (context) => {
    const { client, endings } = setting(context, { load: { model: `crash-second ${join(folder, 'starts')}` } });
    await client.start();
    await assert.rejects(collect(client.generate(request('kill'))), PipelineCrashed);
    const waiting = collect(client.generate(request('a fox')));
    assert.equal((await waiting).at(-1)?.type, 'done');
    assert.equal(endings.length, 2);
  });

  test('ends with the process, alongside others too', async (context) => {
    const { client, endings } = setting(context);
    await client.start();
    const both = [client.generate(request('wait')), client.generate(request('kill'), { alongside: true })];
    for (const events of both.map(collect)) await assert.rejects(events, PipelineCrashed);
    assert.equal(endings.length, 1);
    assert.equal((await collect(client.generate(request('a fox')))).at(-1)?.type, 'done');
  });

  test('fails with the error of the engine, class, code and hint kept, and the process goes on', async (context) => {
    const { client } = setting(context);
    await client.start();
    await assert.rejects(collect(client.generate(request('user'))), (error) => {
      assert.ok(error instanceof UserError);
      assert.deepEqual([error.code, error.message, error.hint], ['too_wide', 'Too wide.', 'width:1024']);
      return true;
    });
    await assert.rejects(collect(client.generate(request('operator'))), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.code, 'no_memory');
      return true;
    });
    await assert.rejects(collect(client.generate(request('bug'))), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.code, 'pipeline_failed');
      assert.match(String(error.cause), /TypeError: x is not a function\n.*fake-engine/);
      return true;
    });
    // What the person reads is in their language, what the operator reads is in that of the log.
    for (const [prompt, message] of [
      ['reader', 'ja'],
      ['program', 'en'],
    ] as const) {
      await assert.rejects(collect(client.generate({ ...request(prompt), language: 'ja' })), { message });
    }
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
    assert.equal(client.status.starts, 1);
  });
});

describe('cancelling', () => {
  for (const prompt of ['endless', 'wait']) {
    test(`takes effect between blocking calls and leaves the process usable (${prompt})`, async (context) => {
      const { client } = setting(context);
      await client.start();
      const abort = new AbortController();
      const reason = new Error('not wanted any more');
      await assert.rejects(async () => {
        for await (const _ of client.generate(request(prompt), { signal: abort.signal })) abort.abort(reason);
      }, reason);
      assert.equal((await collect(client.generate(request('a fox')))).length, 5);
      assert.equal(client.status.starts, 1);
    });
  }

  test('a reader who leaves early cancels', async (context) => {
    const { client } = setting(context);
    await client.start();
    for await (const event of client.generate(request('endless'))) {
      assert.equal(event.type, 'step');
      break;
    }
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
  });

  test('a request that waits for its turn leaves at once', async (context) => {
    const { client } = setting(context);
    await client.start();
    const first = client.generate(request('endless'));
    await first.next();
    const abort = new AbortController();
    const second = collect(client.generate(request('a fox'), { signal: abort.signal }));
    abort.abort(new Error('changed my mind'));
    await assert.rejects(second, /changed my mind/);
    await first.return();
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
  });
});

describe('a process that dies', () => {
  const deaths: readonly (readonly [prompt: string, expected: Partial<Ending>, message: RegExp])[] = [
    ['exit 3', { reason: 'exit', code: 3 }, /ended with exit code 3/],
    ['kill', { reason: 'signal', signal: 'SIGKILL' }, /was ended by SIGKILL/],
    ['lost', { reason: 'exit', code: 70, output: 'EngineLost: the device fell off the bus\n' }, /exit code 70/],
  ];
  test('fails its request as crashed, and the next one is made by its successor', async (context) => {
    const { client, endings } = setting(context);
    await client.start();
    for (const [prompt, expected, message] of deaths) {
      await assert.rejects(collect(client.generate(request(prompt))), (error) => {
        assert.ok(error instanceof PipelineCrashed);
        assert.equal(error.code, 'pipeline_crashed');
        assert.match(error.message, message);
        assert.deepEqual({ ...error.ending, ...expected }, error.ending);
        return true;
      });
      assert.equal((await collect(client.generate(request('a fox')))).length, 5);
    }
    const { starts, crashes, hangs, state } = client.status;
    assert.deepEqual({ starts, crashes, hangs, state }, { starts: 4, crashes: 3, hangs: 0, state: 'ready' });
    assert.equal(endings.length, 3);
  });

  test('of memory is replaced like any other', async (context) => {
    const execArgv = [...process.execArgv, '--max-old-space-size=60'];
    const { client } = setting(context, { execArgv });
    await client.start();
    await assert.rejects(collect(client.generate(request('leak'))), (error) => {
      assert.ok(error instanceof PipelineCrashed);
      assert.match(error.ending.output, /out of memory/i);
      return true;
    });
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
  });

  test('for want of memory has a successor that spares it for pictures of that size, and for all if it was loading', async (context) => {
    const { client } = setting(context);
    await client.start();
    await assert.rejects(collect(client.generate(request('hungry'))), PipelineCrashed);
    assert.equal((await collect(client.generate(request('hungry')))).length, 5);
    const smaller = { ...request('hungry'), width: 128 };
    await assert.rejects(collect(client.generate(smaller)), PipelineCrashed);
    assert.equal((await collect(client.generate(smaller))).length, 5);
    assert.equal(client.status.crashes, 2);

    const { client: other } = setting(context, { load: { model: 'large' } });
    assert.equal((await other.start()).checkpoint, 'hash of large');
    assert.equal(other.status.crashes, 1);
  });

  test('keeps what it had sent before, while idle it is replaced too, and Ctrl-C does not reach it', async (context) => {
    const { client, status } = setting(context);
    await client.start();
    const events: EngineEvent[] = [];
    await assert.rejects(async () => {
      for await (const event of client.generate(request('exit 1'))) events.push(event);
    }, PipelineCrashed);
    assert.equal(events.length, 1);

    const { pid } = await status(({ state }) => state === 'ready');
    assert.ok(pid !== null);
    process.kill(pid, 'SIGINT');
    process.kill(pid, 'SIGTERM');
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
    assert.equal(client.status.pid, pid);

    process.kill(pid, 'SIGKILL');
    await status(({ state, starts }) => state === 'ready' && starts === 3);
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
  });

  test('again and again is replaced after pauses that double, up to a limit', async (context) => {
    const clock = new ManualClock();
    const { client, status } = setting(context, { clock, backoff: { firstMs: 10, maxMs: 30 } });
    await client.start();
    for (const pause of [10, 20, 30, 30]) {
      const { pid, crashes } = await status(({ state }) => state === 'ready');
      process.kill(pid ?? Number.NaN, 'SIGKILL');
      await clock.awaited(pause);
      assert.equal(client.status.state, 'starting');
      clock.advance(pause);
      await status((status) => status.crashes === crashes + 1 && status.state === 'ready');
    }
    assert.equal(client.status.starts, 5);
  });

  test('three times before the model was ever loaded ends the attempt to start', async (context) => {
    const { client } = setting(context, { load: { model: 'crash' } });
    await assert.rejects(client.start(), PipelineCrashed);
    assert.equal(client.status.crashes, 3);
    assert.equal(client.status.state, 'stopped');
    await assert.rejects(collect(client.generate(request('a fox'))), PipelineStopped);
  });

  test('while loading is tried again', async (context) => {
    const { client } = setting(context, { load: { model: `crash-once ${join(folder, 'crashed')}` } });
    await client.start();
    assert.equal(client.status.crashes, 1);
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
  });
});

describe('a process that aborts at its exit, after its last answer', () => {
  test('did not crash when it had been asked to end', async (context) => {
    const { client, endings } = setting(context, { load: { model: 'aborts' } });
    await client.start();
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
    await client.stop({ deadlineMs: 60_000 });
    const { state, crashes } = client.status;
    assert.deepEqual({ state, crashes, endings }, { state: 'stopped', crashes: 0, endings: [] });
  });

  test('did not crash when it had said why it cannot load', async (context) => {
    const { client, endings } = setting(context, { load: { model: 'aborts-missing' } });
    await assert.rejects(client.start(), { code: 'model_missing' });
    assert.deepEqual([client.status.crashes, endings], [0, []]);
  });

  test('crashed when nobody had asked it to end', async (context) => {
    const { client, endings } = setting(context, { load: { model: 'aborts' } });
    await client.start();
    await assert.rejects(collect(client.generate(request('exit 0'))), PipelineCrashed);
    assert.deepEqual(
      endings.map(({ reason, signal }) => [reason, signal]),
      [['signal', 'SIGABRT']],
    );
  });
});

describe('a process that does not come back', () => {
  const MINUTE = 60_000;
  const GRACE = 1000;
  test('is replaced when the announced call is overdue by a minute and by ten times the expected time', async (context) => {
    for (const { prompt, call, patience } of [
      { prompt: 'block 5', call: 'decoder.run', patience: 5 + MINUTE },
      { prompt: 'block 20000', call: 'decoder.run', patience: 20_000 + 200_000 },
    ]) {
      const clock = new ManualClock();
      const { client, status } = setting(context, { clock });
      await client.start();
      const failed = assert.rejects(collect(client.generate(request(prompt))), (error) => {
        assert.ok(error instanceof PipelineCrashed);
        assert.equal(error.ending.reason, 'hung');
        assert.equal(error.ending.call, call);
        return true;
      });
      await status(inCall(call));
      clock.advance(patience + GRACE - 1);
      assert.equal(client.status.state, 'busy');
      clock.advance(1);
      await failed;
      await clock.awaited(1);
      clock.advance(1);
      assert.equal((await collect(client.generate(request('a fox')))).length, 5);
      assert.deepEqual([client.status.hangs, client.status.crashes, client.status.starts], [1, 1, 2]);
    }
  });

  test('is not blamed for the hours in which the machine slept', async (context) => {
    const clock = new ManualClock();
    const { client, status } = setting(context, { clock });
    await client.start();
    const failed = assert.rejects(collect(client.generate(request('block 5'))), PipelineCrashed);
    await status(inCall('decoder.run'));
    for (let night = 0; night < 5; night++) clock.sleep(8 * 60 * MINUTE);
    clock.jump(60 * MINUTE);
    assert.equal(client.status.state, 'busy');
    clock.advance(MINUTE + GRACE + 5);
    await failed;
    assert.equal(client.status.hangs, 1);
  });

  test('is replaced after a minute of silence that was not announced, but an idle one may be silent for ever', async (context) => {
    const clock = new ManualClock();
    const { client } = setting(context, { clock });
    await client.start();
    clock.advance(100 * MINUTE);
    const events = client.generate(request('silent'));
    await events.next();
    const failed = assert.rejects(events.next(), PipelineCrashed);
    clock.advance(MINUTE + GRACE);
    await failed;
    assert.equal(client.status.hangs, 1);
  });
});

describe('starting', () => {
  test('fails with what the engine says against the model', async (context) => {
    const { client } = setting(context, { load: { model: 'missing' } });
    await assert.rejects(client.start(), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.deepEqual([error.code, error.hint], ['model_missing', 'wuerst models pull']);
      return true;
    });
    assert.equal(client.status.state, 'stopped');
  });

  test('waits for the process of an earlier bot to end, then has the lock until its own process ends', async (context) => {
    const lockPath = join(folder, 'shared.lock');
    const lock = await acquireLock(lockPath);
    const clock = new ManualClock();
    const { client } = setting(context, { lockPath, clock });
    const started = client.start();
    await clock.awaited(50);
    assert.equal(client.status.starts, 0);
    lock.release();
    clock.advance(50);
    await started;
    await assert.rejects(acquireLock(lockPath), { code: 'lock_held' });
    await client.stop({ deadlineMs: 0 });
    (await acquireLock(lockPath)).release();
  });

  test('gives up with a sentence to the operator when that one does not end', async (context) => {
    const lockPath = join(folder, 'kept.lock');
    const lock = await acquireLock(lockPath);
    const { client } = setting(context, { lockPath, lockWaitMs: 0 });
    await assert.rejects(client.start(), { code: 'lock_held', message: /pipeline process of another bot/ });
    lock.release();
  });
});

describe('a dead parent', () => {
  test('takes its pipeline process along, also from inside a blocking call; only then a new one starts', async (context) => {
    const lockPath = join(folder, 'orphan.lock');
    const parent = fork(new URL('./doomed-parent.ts', import.meta.url), [lockPath]);
    const [message] = await once(parent, 'message');
    assert.ok(typeof message.blocking === 'number');
    await assert.rejects(acquireLock(lockPath), { code: 'lock_held' });
    const { client } = setting(context, { lockPath, lockWaitMs: 10_000 });
    const started = client.start();
    assert.equal(client.status.starts, 0);
    parent.kill('SIGKILL');
    await started;
    assert.equal((await collect(client.generate(request('a fox')))).length, 5);
  });
});

describe('stopping', () => {
  test('lets the running request finish, refuses waiting and new ones, and ends the process', async (context) => {
    const { client } = setting(context);
    await client.start();
    const running = client.generate(request('a fox'));
    await running.next();
    const waiting = assert.rejects(collect(client.generate(request('a fox'))), PipelineStopped);
    const stopped = client.stop({ deadlineMs: 60_000 });
    await waiting;
    await assert.rejects(collect(client.generate(request('a fox'))), PipelineStopped);
    assert.equal((await collect(running)).length, 4);
    await stopped;
    const { state, pid, crashes } = client.status;
    assert.deepEqual({ state, pid, crashes }, { state: 'stopped', pid: null, crashes: 0 });
    await client.stop({ deadlineMs: 0 });
  });

  test('gives up a request at the deadline, also inside a blocking call, so that it can be made again later', async (context) => {
    const clock = new ManualClock();
    const { client, status, endings } = setting(context, { clock });
    await client.start();
    const refused = assert.rejects(collect(client.generate(request('block 1000'))), PipelineStopped);
    await status(inCall('decoder.run'));
    const stopped = client.stop({ deadlineMs: 20_000 });
    await clock.awaited(20_000);
    clock.advance(20_000);
    await Promise.all([refused, stopped]);
    assert.equal(client.status.state, 'stopped');
    assert.deepEqual(endings, []);
  });

  test('works while the model is loading, and before anything was started', async (context) => {
    const clock = new ManualClock();
    const { client, status } = setting(context, { clock, load: { model: 'block' } });
    const refused = assert.rejects(client.start(), PipelineStopped);
    await status(inCall('session.create'));
    const stopped = client.stop({ deadlineMs: 0 });
    await clock.awaited(2000);
    clock.advance(2000);
    await Promise.all([refused, stopped]);
    assert.equal(client.status.state, 'stopped');

    const unused = setting(context).client;
    await unused.stop({ deadlineMs: 0 });
    assert.equal(unused.status.state, 'stopped');
  });
});

/** What the process writes while it works on a request. */
async function outputOf(context: TestContext, prompt: string): Promise<string> {
  let output = '';
  const onOutput = (text: string) => {
    output += text;
  };
  const { client } = setting(context, { onOutput });
  await client.start();
  await collect(client.generate(request(prompt)));
  await client.stop({ deadlineMs: 1000 });
  return output;
}

describe('the process', () => {
  const SECRETS = [
    ...['DISCORD_TOKEN', 'SLACK_BOT_TOKEN', 'SLACK_APP_TOKEN', 'SLACK_SIGNING_SECRET', 'SLACK_CLIENT_SECRET'],
    ...['WUERST_WEB_TOKEN', 'WUERST_WEB_ADMIN_TOKEN', 'HF_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'CUDA_LICENCE_TOKEN'],
    ...['HTTPS_PROXY', 'DATABASE_URL', 'NPM_TOKEN', 'GITHUB_PAT'],
  ];

  test('gets what it needs of the environment, and no secret', async (context) => {
    const given = Object.fromEntries(SECRETS.map((name) => [name, `secret of ${name}`]));
    const before = { ...process.env };
    context.after(() => {
      for (const name of [...SECRETS, 'CUDA_VISIBLE_DEVICES']) delete process.env[name];
      Object.assign(process.env, before);
    });
    Object.assign(process.env, given, { CUDA_VISIBLE_DEVICES: '1' });
    const heard = JSON.parse(await outputOf(context, 'env'));
    assert.deepEqual([heard.PATH, heard.CUDA_VISIBLE_DEVICES], [process.env.PATH, '1']);
    assert.deepEqual(
      SECRETS.filter((name) => name in heard),
      [],
    );
    assert.ok(!JSON.stringify(heard).includes('secret of'));
  });

  test('cannot steer the terminal of whoever reads its output', async (context) => {
    const output = await outputOf(context, 'paint-the-terminal');
    assert.equal(output, ']0;ownedred\n');
  });
});

test('what is known better after loading changes the status, whenever it is known', async (t) => {
  const { client, status } = setting(t, { load: { model: 'sampled' } });
  assert.equal((await client.start()).checkpoint, 'hash of sampled');
  const { info, state } = await status(({ info }) => info?.checkpoint === 'hash of all');
  assert.deepEqual([info?.styles, state], [['base'], 'ready']);
});

test('what is known better before anybody looked at what is loaded is not forgotten', async (t) => {
  const sent = join(folder, 'sent');
  const { client, status } = setting(t, { load: { model: `sampled ${sent}` } });
  const started = client.start();
  await status((status) => inCall('hash')(status) && !isBusyUntil(sent));
  await started;
  assert.equal(client.status.info?.checkpoint, 'hash of all');
});
