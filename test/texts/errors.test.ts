import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gatewayError, restError } from '../../src/adapters/discord/rest/startup.ts';
import { portError } from '../../src/adapters/slack/connection/install-pages.ts';
import { Refused, Unanswered } from '../../src/adapters/slack/web-api/errors.ts';
import { tokenError } from '../../src/adapters/slack/web-api/startup.ts';
import { sessionKey } from '../../src/adapters/web/server/session-key.ts';
import { explainDatabaseError } from '../../src/bot/history/database-error.ts';
import { readKeyName, readPlace } from '../../src/bot/keys/api-key.ts';
import { readKeyLimits } from '../../src/bot/keys/key-limits.ts';
import { readConfig } from '../../src/config.ts';
import { openCredential } from '../../src/marking/credential.ts';
import { PUBLISHED_CLASSIFIER } from '../../src/models/classifier/published.ts';
import { pullClassifier } from '../../src/models/classifier/pull-classifier.ts';
import { Registry } from '../../src/models/classifier/registry.ts';
import { readManifest } from '../../src/models/manifest.ts';
import { readCurrentModel } from '../../src/models/model-folder.ts';
import { recommendedFor } from '../../src/models/recommended.ts';
import { parseConfig, readJson, requireFolder } from '../../src/pipeline/checkpoint/config-file.ts';
import { readHeader } from '../../src/pipeline/checkpoint/safetensors.ts';
import { mixCheckpoints } from '../../src/pipeline/derived-weights/mix.ts';
import { readLock } from '../../src/pipeline/hub/lock-file.ts';
import { readLoraFile } from '../../src/pipeline/lora/lora-file.ts';
import { errorFrom, reportError } from '../../src/pipeline/process/protocol.ts';
import { readTokenizer } from '../../src/pipeline/text/tokenizer-files.ts';
import { OperatorError, UserError } from '../../src/system/errors.ts';
import { acquireLock } from '../../src/system/file-lock.ts';
import { networkFailure } from '../../src/system/network-failure.ts';
import { SqliteError } from '../../src/system/sqlite.ts';
import { z } from '../../src/system/zod-mini.ts';
import { inLanguage } from '../../src/texts/language.ts';
import { redisProblem } from '../../src/workers/redis-problem.ts';
import { safetensors } from '../models/checkpoints.ts';
import { markTexts, unmarked } from './marked.ts';

markTexts('de');

const folder = mkdtempSync(join(tmpdir(), 'wuerst-errors-'));
after(() => rmSync(folder, { recursive: true }));

/** A file, or several in a folder of their own. */
let made = 0;
function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const place = join(folder, `p${made++}`);
  mkdirSync(place, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(place, name), content);
  return place;
}
function fileOf(content: string | Uint8Array, name = 'x.safetensors'): string {
  return join(folderWith({ [name]: content }), name);
}
function withHeader(header: unknown, bytes = 0): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(bytes)]);
}
const F32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  ...{ dtype: 'F32', shape },
  data_offsets: [begin, end],
});
const coded = (code: string, message = 'words of a library') => Object.assign(new Error(message), { code });

const damagedWeights = [
  folder,
  fileOf('x'),
  fileOf(Buffer.alloc(8, 0xff)),
  fileOf(withHeader('{{')),
  fileOf(withHeader([])),
  fileOf(withHeader({ a: { dtype: 'F32' } })),
  fileOf(withHeader({ a: { ...F32(0, 4), dtype: 'F7' } })),
  fileOf(withHeader({ a: F32(0, 4, [3]) }, 4)),
  fileOf(withHeader({ a: F32(4, 8) }, 8)),
  fileOf(withHeader({ a: F32(0, 4) })),
  fileOf(withHeader({ a: F32(0, 4) }, 8)),
  join(folder, 'absent'),
];
const one = (name: string, dtype: 'F32' | 'BF16' = 'F32') =>
  fileOf(safetensors(dtype, { [name]: dtype === 'F32' ? new Float32Array(2) : new Uint16Array(2) }));
const mixes = [
  [one('a'), one('b')],
  [fileOf(withHeader({})), fileOf(withHeader({}))],
  [one('a'), one('a', 'BF16')],
  [
    fileOf(withHeader({ a: { ...F32(0, 8), dtype: 'I32' } }, 8)),
    fileOf(withHeader({ a: { ...F32(0, 8), dtype: 'I32' } }, 8)),
  ],
] as const;
const tokenizers: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'vocab.json': '{}' },
  { 'vocab.json': 'no' },
  { 'vocab.json': '[]' },
  { 'vocab.json': '{"a":"b"}', 'merges.txt': '' },
  { 'vocab.json': '{"a":0}', 'merges.txt': '' },
  { 'vocab.json': '{"a":0}', 'merges.txt': 'the' },
  { 'tokenizer.json': '{}' },
  { 'tokenizer.json': '{"model":{"type":"WordPiece"}}' },
  { 'tokenizer.json': '{"model":{"vocab":{}}}' },
  { 'tokenizer.json': '{"model":{"vocab":1,"merges":[]}}' },
  { 'tokenizer.json': '{"model":{"vocab":{},"merges":[]},"added_tokens":1}' },
  { 'tokenizer.json': '{"model":{"vocab":{},"merges":[]},"added_tokens":[{}]}' },
];
const CONFIG = z.object({ c: z.number() });
const MODEL = { name: 'x', purpose: '', license: '', nativeSizes: [], repositories: [] };
const destination = { host: 'hub.example' };

const ERRORS: Readonly<Record<string, readonly (() => unknown)[]>> = {
  'damaged weights': damagedWeights.map((path) => () => readHeader(path)),
  mixes: mixes.map(
    ([base, other]) =>
      () =>
        mixCheckpoints(base, other, 0.5, join(folder, 'out.safetensors')),
  ),
  'damaged tokenizers': tokenizers.map((files) => () => readTokenizer(folderWith(files))),
  'configs of checkpoints': [
    () => readJson(fileOf('no', 'config.json')),
    () => readJson(fileOf('[]', 'config.json')),
    () => readJson(join(folder, 'absent.json')),
    () => requireFolder(join(folder, 'absent')),
    () => requireFolder(fileOf('x')),
    () => parseConfig(CONFIG, { dir: folder, config: { _class_name: 'Prior', c: 'PANDA' } }, 'Prior'),
    () => parseConfig(CONFIG, { dir: folder, config: {} }, 'Prior'),
  ],
  LoRAs: [
    () => readLoraFile(join(folder, 'absent'), { prior: new Map(), text_encoder: new Map() }),
    () => readLoraFile(fileOf('x'), { prior: new Map(), text_encoder: new Map() }),
    () => readLoraFile(one('lora_te_x.hada_w1_a'), { prior: new Map(), text_encoder: new Map() }),
    () => readLoraFile(one('weights'), { prior: new Map(), text_encoder: new Map() }),
  ],
  'files of the models folder': [
    () => readManifest(folderWith({ 'manifest.json': 'no' })),
    () => readManifest(folderWith({ 'manifest.json': '{"models":[{}]}' })),
    () => readManifest(folderWith({ 'manifest.json': JSON.stringify({ models: [{ ...MODEL, name: 'cocktail' }] }) })),
    () => readManifest(folderWith({ 'manifest.json': JSON.stringify({ models: [MODEL, MODEL] }) })),
    () => recommendedFor(folderWith({ 'generation_config.json': 'no' })),
    ...['{"steps":0}', '{"guidance":99}', '{"timesteps":[]}', '{"ideas":1}', '{"steps":1,"timesteps":[1,0]}', '[]'].map(
      (text) => () => recommendedFor(folderWith({ 'generation_config.json': text })),
    ),
    () => readLock(folderWith({ 'wuerst.lock.json': 'no' })),
    () => readCurrentModel(folderWith({ 'current.json': 'no' })),
    ...[join(folder, 'absent'), fileOf('x', 'x.tgz'), folderWith({})].map((from) => async () => {
      for await (const _ of pullClassifier({
        published: PUBLISHED_CLASSIFIER,
        registry: new Registry(),
        signal: new AbortController().signal,
        folder: join(folder, 'safety'),
        from,
      }));
    }),
  ],
  'what keeps the bot from starting': [
    ...['SQLITE_BUSY', 'SQLITE_CANTOPEN', 'SQLITE_CORRUPT', 'SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_ERROR'].map(
      (code) => () => {
        throw explainDatabaseError(new SqliteError('words of a library', code), '/tmp/x.db');
      },
    ),
    () => readConfig({ WUERST_WEB_PORT: 'x', DISCORD_TOKEN: 'x', WUERST_PROCESSES: '-1', WUERST_WEBB: '1' }),
    () => sessionKey(fileOf('short', 'web-session.key')),
    () => openCredential(fileOf('no', 'signing.pem'), new Date()),
    async () => {
      const path = join(folder, 'a.lock');
      await acquireLock(path);
      await acquireLock(path, { waitMs: 1 });
    },
    ...[4004, 4013, 4011, 4999].map((code) => () => {
      throw gatewayError(code);
    }),
    ...[coded('ENOTFOUND'), coded('TokenInvalid'), new Error('words of a library')].map((error) => () => {
      throw restError(error, {});
    }),
    ...[
      coded('ENOTFOUND'),
      new Unanswered('words of a library'),
      new Refused('invalid_auth', []),
      new Refused('missing_scope', []),
      new Refused('fatal', ['words of a library']),
    ].map((error) => () => {
      throw tokenError(error, 'SLACK_APP_TOKEN', 'https://slack.com/api/');
    }),
    () => {
      throw portError(coded('EADDRINUSE'), 3000);
    },
    ...['OOM x', 'WRONGPASS x', 'words of a library'].map((text) => () => {
      throw redisProblem(new Error(text), 'redis.example:6379');
    }),
  ],
  'connections that fail': [
    ...['CERT_HAS_EXPIRED', 'ENOTFOUND', 'ECONNREFUSED', 'ETIMEDOUT', 'EPROTO', 'UND_ERR_SOCKET'].map((code) => () => {
      const { reason = '', hint = '' } = networkFailure(coded(code), destination) ?? {};
      throw new UserError('x', reason, { hint });
    }),
    () => {
      const failed = new TypeError('fetch failed', { cause: new Error('bad port') });
      const { reason = '', hint = '' } = networkFailure(failed, destination) ?? {};
      throw new UserError('x', reason, { hint });
    },
  ],
  'keys of programs': [
    () => readPlace('PANDA'),
    () => readKeyName(''),
    ...['PANDA', 'PANDA=1', 'images=0', 'images=PANDA', 'user-seconds=-1'].map((limits) => () => readKeyLimits(limits)),
  ],
};

/** What others say, in the quotation marks of the reader's language. */
const QUOTED = /«"».*?«"»/gs;
/** Names, values and what is typed; codes of the system. */
const DATA =
  /\/?wuerst(?: [\w-]+)*|[\w./\\:@-]*\/[\w./\\:@*<>-]*|"[^"]*"|\b[a-z]\w*[_.]\w+\b|--?[a-z-]+|\b[A-Z]{2,}\w*|\b[\w-]+=[\w,.-]+|\b(?:und|oder)\b/g;

async function thrownBy(run: () => unknown): Promise<{ readonly message: string; readonly hint?: string | undefined }> {
  try {
    await run();
  } catch (error) {
    if (error instanceof OperatorError) {
      assert.doesNotMatch(`${error.message} ${error.hint}`, /[«»]/, 'the log is English');
      return error.told;
    }
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}

for (const [kind, errors] of Object.entries(ERRORS)) {
  test(`errors of ${kind} hold no words but those of the reader's language, and what others say in quotes`, async () => {
    const left: string[] = [];
    for (const run of errors) {
      const { message, hint = '' } = await inLanguage('de', () => thrownBy(run));
      const text = `${message} ${hint}`.replace(QUOTED, '\n');
      const rest = unmarked(text).replace(DATA, ' ');
      if (/\p{L}{3,} +\p{L}{2,}/u.test(rest)) left.push(`${message} ${hint}`);
    }
    assert.deepEqual(left, []);
  });
}

test('what only the operator can mend comes from the pipeline process in English and in the terminal’s language', async (t) => {
  const { LC_ALL } = process.env;
  process.env.LC_ALL = 'de_DE.UTF-8';
  t.after(() => {
    if (LC_ALL === undefined) delete process.env.LC_ALL;
    else process.env.LC_ALL = LC_ALL;
  });
  const error: unknown = await readJson(fileOf('[]', 'config.json')).catch((caught: unknown) => caught);
  const arrived = errorFrom(structuredClone(reportError(error, false)));
  assert.match(arrived.message, /^The file .* should hold a JSON object\.$/);
  assert.ok(arrived instanceof OperatorError);
  assert.match(inLanguage('de', () => arrived.told).message, /^«The file »/);
  assert.match(inLanguage('fr', () => arrived.told).message, /^The file /);
});

test('an engine written in JavaScript may give plain words', () => {
  const { message, hint, told } = new OperatorError('no_memory', JSON.parse('"Needs 9 GB."'), {
    hint: JSON.parse('"width:512 should fit."'),
  });
  assert.deepEqual({ message, hint }, told);
  assert.equal(`${message} ${hint}`, 'Needs 9 GB. width:512 should fit.');
});
