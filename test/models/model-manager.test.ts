import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelManager } from '../../src/models/model-manager.ts';
import { assertOnlyRightFiles, DEFAULT_FILES } from './pulled.ts';
import { scene } from './scene.ts';

const WISH = { styles: ['interpolated'], pictures: false } as const;
const NAME = 'wuerstchen-v2';

test('a model is fetched with progress, checked, listed with its hashes, and removed', async (t) => {
  const { hub, modelsDir, env } = await scene(t);
  const changes: string[] = [];
  const manager = new ModelManager(env, {
    record: ({ action, target }, by) => void changes.push(`${by}: ${action} ${target}`),
  });
  await manager.pull(NAME, WISH, 'root');
  assert.deepEqual([manager.task?.state, manager.task?.kind], ['running', 'pull']);
  await assert.rejects(manager.verify('cocktail'), { code: 'already_at_work' });
  await assert.rejects(manager.remove(NAME, 'root'), { code: 'already_at_work' });
  await manager.idle;
  const { state, done = 0, bytes, problem } = manager.task ?? {};
  assert.deepEqual([state, problem], ['done', null]);
  assert.ok(done > 0 && done === bytes, `${done} of ${bytes}`);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
  const files = await manager.files(NAME);
  assert.deepEqual(files.map(({ path }) => path).sort(), DEFAULT_FILES);
  assert.ok(files.every(({ sha256, size }) => /^[0-9a-f]{64}$/.test(sha256) && size >= 0));
  await manager.verify(NAME);
  await manager.idle;
  assert.deepEqual(
    [manager.task?.kind, manager.task?.state, manager.task?.findings.every((finding) => finding.state === 'ok')],
    ['verify', 'done', true],
  );
  const { done: read = 0, bytes: all = 0 } = manager.task ?? {};
  assert.ok(read > 0 && read === all, `${read} of ${all} were read`);
  await manager.verify(NAME);
  await manager.stop('root');
  assert.equal(manager.task?.state, 'stopped');
  await manager.remove(NAME, 'root');
  const listed = (await manager.list()).find(({ name }) => name === NAME);
  assert.equal(listed?.state, 'absent');
  assert.deepEqual(changes, [`root: pull-model ${NAME}`, `root: remove-model ${NAME}`]);
});

test('what the hub refuses is told, and one that is stopped goes on from there', async (t) => {
  const { env } = await scene(t, { HF_ENDPOINT: 'http://127.0.0.1:9' });
  const manager = new ModelManager(env, { hub: { retries: 0 } });
  await manager.pull(NAME, WISH, 'root');
  await manager.idle;
  assert.equal(manager.task?.state, 'failed');
  assert.match(manager.task?.problem ?? '', /127\.0\.0\.1/);
  await manager.pull(NAME, WISH, 'root');
  await manager.stop();
  assert.ok(['stopped', 'failed'].includes(manager.task?.state ?? ''));
});

test('what cannot be is refused before anything begins', async (t) => {
  const { env } = await scene(t);
  const manager = new ModelManager(env);
  await assert.rejects(manager.pull('cocktail', WISH, 'root'), { code: 'model_embedded' });
  await assert.rejects(manager.pull('nothing', WISH, 'root'), { code: 'unknown_model' });
  await assert.rejects(manager.verify(NAME), { code: 'model_absent' });
  await assert.rejects(manager.verify('nothing'), { code: 'unknown_model' });
  await assert.rejects(manager.remove('cocktail', 'root'), { code: 'model_embedded' });
  await assert.rejects(manager.use(NAME, 'root'), { code: 'model_incomplete' });
  assert.equal(manager.task, undefined);
});
