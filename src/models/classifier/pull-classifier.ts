import { createHash } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hub, HubFile } from '../../pipeline/hub/hub.ts';
import { fetchChecked, type PullEvent } from '../../pipeline/hub/pull.ts';
import { PICTURE_CLASSES } from '../../pipeline/images/picture-classes.ts';
import { checkSpace, explainDiskError } from '../../system/disk.ts';
import { OperatorError, UserError } from '../../system/errors.ts';
import { type FileLock, lockFolder } from '../../system/file-lock.ts';
import { ifThere } from '../../system/if-there.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { writeJson } from '../../system/write-json.ts';
import { t } from '../../texts/translate.ts';
import { convertMobileNet } from './convert.ts';
import { type InstalledConfig, isIntact, LICENCE_FILE, readInstalled, WEIGHTS_FILE } from './installed.ts';
import type { PublishedClassifier } from './published.ts';
import { safetensorsFile } from './safetensors-file.ts';
import { filesInTarball } from './tarball.ts';
import { bundledTensors } from './tensorflow-bundle.ts';

export interface PullClassifierOptions {
  readonly published: PublishedClassifier;
  /** Where it goes; made if it is missing. */
  readonly folder: string;
  /** The npm registry. */
  readonly registry: Hub;
  /** The package as it was fetched elsewhere: a .tgz file, or the folder that one was unpacked to. @default the registry */
  readonly from?: string | undefined;
  readonly signal: AbortSignal;
}

type Package = ReadonlyMap<string, Buffer>;

/**
 * Fetches the package of the picture classifier, takes its weights out and writes them as a component of our own: safetensors and a
 * config.json, which comes last, so that a folder with one is whole. An unfinished download is continued by the next call.
 *
 * @throws UserError `classifier_source_invalid`
 * @throws OperatorError `classifier_damaged`, or if the registry or the disk refuses
 */
export async function* pullClassifier(options: PullClassifierOptions): AsyncGenerator<PullEvent, void> {
  const { published, folder, from, signal } = options;
  let lock: FileLock | undefined;
  try {
    lock = await lockFolder(folder, { signal });
    const installed = await readInstalled(folder).catch(() => undefined);
    if (from === undefined && installed?.version === published.version && (await isIntact(installed))) {
      return yield { type: 'landed', path: WEIGHTS_FILE, size: installed.bytes, how: 'kept' };
    }
    const files = from === undefined ? yield* fetched(options) : await givenPackage(published, from);
    const bytes = await install(published, folder, files);
    yield { type: 'landed', path: WEIGHTS_FILE, size: bytes, how: 'fetched' };
  } catch (error) {
    throw explainDiskError(withOtherWay(error, published), folder);
  } finally {
    lock?.release();
  }
}

async function* fetched({
  published,
  folder,
  registry,
  signal,
}: PullClassifierOptions): AsyncGenerator<PullEvent, Package> {
  const { package: name, version, tarball } = published;
  const path = `${name}-${version}.tgz`;
  const file: HubFile = { path, ...tarball };
  const parts = join(folder, '.pull');
  makeFolder(parts);
  const part = join(parts, `${tarball.sha256}.part`);
  const started = (await ifThere(stat(part)))?.size ?? 0;
  yield { type: 'plan', files: 1, bytes: file.size, toFetch: Math.max(0, file.size - started) };
  await checkSpace(folder, file.size);
  yield* fetchChecked({ hub: registry, signal }, { repository: { repo: name }, commit: version, file, path }, part);
  const files = await packageOf(published, await filesInTarball(part, pathsInTarball(published)));
  await rm(parts, { recursive: true, force: true });
  return files;
}

/** @throws UserError `classifier_source_invalid` */
async function givenPackage(published: PublishedClassifier, from: string): Promise<Package> {
  const found = await ifThere(stat(from));
  if (found === undefined) throw sourceInvalid(published, t('{path} does not exist.', { path: from }));
  if (!found.isDirectory()) {
    const files = await filesInTarball(from, pathsInTarball(published)).catch((cause: unknown) => {
      throw sourceInvalid(published, t('{path} is not a .tgz file.', { path: from }), cause);
    });
    return packageOf(published, files, from);
  }
  const files = new Map<string, Buffer>();
  for (const { path } of published.files) {
    const content = await ifThere(readFile(join(from, path)));
    if (content !== undefined) files.set(`package/${path}`, content);
  }
  return packageOf(published, files, from);
}

function pathsInTarball({ files }: PublishedClassifier): readonly string[] {
  return files.map(({ path }) => `package/${path}`);
}

/** Checks every file that is read. */
function packageOf(published: PublishedClassifier, files: Package, from?: string): Package {
  for (const { path, sha256 } of published.files) {
    const content = files.get(`package/${path}`);
    if (content !== undefined && createHash('sha256').update(content).digest('hex') === sha256) continue;
    const finding = () =>
      content === undefined ? t('It has no {file}.', { file: path }) : t('It has another {file}.', { file: path });
    if (from === undefined) throw damaged(published, finding);
    throw sourceInvalid(published, `${t('{path} is another package.', { path: from })} ${finding()}`);
  }
  return files;
}

/** @returns the bytes of the weights */
async function install(published: PublishedClassifier, folder: string, files: Package): Promise<number> {
  const scripts = published.files.filter(({ path }) => path.endsWith('.js'));
  const [model = '', ...shards] = scripts.map(({ path }) => files.get(`package/${path}`)?.toString('latin1') ?? '');
  const tensors = bundledTensors(model, shards);
  if (tensors === undefined) throw damaged(published, () => t('It has weights of another form.'));
  const weights = safetensorsFile(convertMobileNet(tensors));
  await checkSpace(folder, weights.length);
  makeFolder(folder);
  // What says that the folder is whole comes last, and what an older version wrote goes first.
  await rm(join(folder, 'config.json'), { force: true });
  const part = join(folder, `${WEIGHTS_FILE}.part`);
  await writeFile(part, weights, { flush: true });
  await rename(part, join(folder, WEIGHTS_FILE));
  await writeFile(join(folder, LICENCE_FILE), files.get('package/LICENSE') ?? '');
  await writeJson(join(folder, 'config.json'), {
    _class_name: 'MobileNetV2Classifier',
    ...published.network,
    classes: PICTURE_CLASSES,
    package: published.package,
    version: published.version,
    model: published.model,
    license: published.license,
    source: published.source,
    sha256: createHash('sha256').update(weights).digest('hex'),
  } satisfies InstalledConfig);
  return weights.length;
}

/** @param finding a sentence */
function sourceInvalid(published: PublishedClassifier, finding: string, cause?: unknown): UserError {
  const wanted = `${published.package} ${published.version}`;
  const message = `${t('Expected the package {wanted} as npm packs it.', { wanted })} ${finding}`;
  return new UserError('classifier_source_invalid', message, { hint: byHand(published), cause });
}

/** @param finding a sentence about the package */
function damaged({ package: name, version }: PublishedClassifier, finding: () => string): OperatorError {
  return new OperatorError(
    'classifier_damaged',
    () => `${t('The package {name} {version} cannot be used.', { name, version })} ${finding()}`,
    { hint: () => t('Run the command again.') },
  );
}

/** What helps with a hub helps little with a registry. */
function withOtherWay(error: unknown, published: PublishedClassifier): unknown {
  if (!(error instanceof OperatorError) || !error.code.startsWith('hub_')) return error;
  return new OperatorError(error.code, () => error.again().message, {
    hint: () =>
      [
        t('Run the command again: what is already here is kept.'),
        t('For a mirror, set {variable}.', { variable: 'npm_config_registry' }),
        byHand(published),
      ].join(' '),
    cause: error.cause,
  });
}

function byHand({ package: name, version }: PublishedClassifier): string {
  const file = `${name}-${version}.tgz`;
  return t('Elsewhere {fetch} fetches it; then: {command}', {
    fetch: `"npm pack ${name}@${version}"`,
    command: `wuerst models pull safety --from ${file}`,
  });
}
