import { hubOptionsFrom } from '../pipeline/hub/hub-options.ts';
import { readLock } from '../pipeline/hub/lock-file.ts';
import { freeBytes } from '../system/disk.ts';
import { UserError } from '../system/errors.ts';
import { startThread } from '../system/thread.ts';
import { currentLanguage } from '../texts/language.ts';
import { t } from '../texts/translate.ts';
import { PUBLISHED_CLASSIFIER, type PublishedClassifier } from './classifier/published.ts';
import { registryOptionsFrom } from './classifier/registry.ts';
import { type ClassifierStatus, classifierStatus, removeClassifier } from './classifier/shelf.ts';
import { modelsFolder, SAFETY, safetyFolder } from './model-folder.ts';
import {
  type PlainHubOptions,
  type PullWish,
  STOP,
  type TaskMessage,
  type TaskOrder,
  type TaskProgress,
} from './model-task.ts';
import { findModel, folderOf, listModels, type ModelStatus, removeModel, useModel } from './store.ts';

export interface ManagedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Something that takes minutes; one at a time. */
export interface ModelTask extends TaskProgress {
  readonly kind: 'pull' | 'verify';
  readonly model: string;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  readonly problem: string | null;
}

export interface ModelChange {
  readonly action: 'pull-model' | 'stop-model' | 'use-model' | 'remove-model';
  readonly target: string;
  readonly detail: unknown;
}

export interface ModelManagerOptions {
  /** Overrides the hub options of the environment. */
  readonly hub?: PlainHubOptions;
  readonly classifier?: PublishedClassifier;
  /** Keeps who changed what. @param by id of who did */
  readonly record?: (change: ModelChange, by: string) => void;
  readonly onProblem?: (error: unknown) => void;
}

type Changing<T> = { -readonly [K in keyof T]: T[K] };

// Beside this file, in the sources as in the built package.
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './model-task-thread.ts' : './model-task-thread.js',
  import.meta.url,
);

/**
 * What `wuerst models` does, for the page of the administration: the same store, one long task at a time, in a thread. Everywhere
 * `safety` is the picture classifier, and `by` the id of who asks.
 */
export class ModelManager {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #options: ModelManagerOptions;
  #task: Changing<ModelTask> | undefined;
  #thread: ReturnType<typeof startThread> | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(env: NodeJS.ProcessEnv, options: ModelManagerOptions = {}) {
    this.#env = env;
    this.#options = options;
    this.folder = modelsFolder(env);
  }

  list(): Promise<ModelStatus[]> {
    return listModels(this.folder);
  }

  classifier(): Promise<ClassifierStatus> {
    return classifierStatus(safetyFolder(this.#env), this.#published);
  }

  /** The task that runs, or the one that ran last. */
  get task(): ModelTask | undefined {
    return this.#task;
  }

  /** Resolves when nothing runs. */
  get idle(): Promise<void> {
    return this.#ended;
  }

  freeBytes(): Promise<number> {
    return freeBytes(this.folder);
  }

  /** What the hub says that its files should be; nothing for models that came otherwise. @throws UserError `unknown_model` */
  async files(name: string): Promise<readonly ManagedFile[]> {
    const { folder } = await this.#status(name);
    const lock = await readLock(folder);
    return Object.entries(lock?.repositories ?? {}).flatMap(([repository, { files }]) =>
      files.map(({ path, size, sha256 }) => ({ path: `${repository}/${path}`, size, sha256 })),
    );
  }

  /** Begins to fetch a model, or goes on. @throws UserError `unknown_model`, `model_embedded` or `already_at_work` */
  async pull(name: string, wish: PullWish, by: string): Promise<void> {
    const order = name === SAFETY ? this.#classifierOrder() : await this.#pullOrder(name, wish);
    this.#begin('pull', name, order);
    const { styles, variant } = wish;
    this.#record({ action: 'pull-model', target: name, detail: name === SAFETY ? null : { styles, variant } }, by);
  }

  /** Begins to read every file again. @throws UserError `unknown_model`, `model_absent` or `already_at_work` */
  async verify(name: string): Promise<void> {
    const language = currentLanguage();
    if (name === SAFETY) {
      const { state } = await this.classifier();
      if (state === 'absent') throw absent(name);
      const folder = safetyFolder(this.#env);
      return this.#begin('verify', name, { kind: 'verify-classifier', folder, language });
    }
    const { folder, state, source } = await this.#status(name);
    if (state === 'absent') throw absent(name);
    const model = source === 'own' ? undefined : await findModel(this.folder, name);
    this.#begin('verify', name, { kind: 'verify', folder, model, language });
  }

  /** @throws UserError as `removeModel`, and `already_at_work` while it is being fetched */
  async remove(name: string, by: string): Promise<void> {
    if (this.#task?.state === 'running' && this.#task.model === name) throw atWork(this.#task);
    const { bytes } =
      name === SAFETY ? await removeClassifier(safetyFolder(this.#env)) : await removeModel(this.folder, name);
    this.#record({ action: 'remove-model', target: name, detail: { bytes } }, by);
  }

  /** From the next start on. @throws UserError as `useModel` */
  async use(name: string, by: string): Promise<void> {
    await useModel(this.folder, name);
    this.#record({ action: 'use-model', target: name, detail: null }, by);
  }

  /** Ends the task that runs; what was fetched stays. @param by absent where the bot itself stops */
  async stop(by?: string): Promise<void> {
    const { kind, model, state } = this.#task ?? {};
    this.#thread?.postMessage(STOP);
    await this.#ended;
    if (by === undefined || model === undefined || state !== 'running' || kind !== 'pull') return;
    this.#record({ action: 'stop-model', target: model, detail: null }, by);
  }

  get #published(): PublishedClassifier {
    return this.#options.classifier ?? PUBLISHED_CLASSIFIER;
  }

  #record(change: ModelChange, by: string): void {
    this.#options.record?.(change, by);
  }

  async #pullOrder(name: string, wish: PullWish): Promise<TaskOrder> {
    const model = await findModel(this.folder, name);
    if (model.embedded) {
      throw new UserError(
        'model_embedded',
        t('The model {name} comes with wuerst: there is nothing to fetch.', { name }),
      );
    }
    const hub = { ...hubOptionsFrom(this.#env), ...this.#options.hub };
    return { kind: 'pull', model, folder: folderOf(this.folder, model), wish, hub, language: currentLanguage() };
  }

  #classifierOrder(): TaskOrder {
    const registry = { ...this.#options.hub, ...registryOptionsFrom(this.#env) };
    const folder = safetyFolder(this.#env);
    return { kind: 'pull-classifier', published: this.#published, folder, registry, language: currentLanguage() };
  }

  async #status(name: string): Promise<ModelStatus> {
    const found = (await this.list()).find((model) => model.name === name);
    if (found) return found;
    await findModel(this.folder, name);
    throw new UserError('unknown_model', t('There is no model "{name}".', { name }));
  }

  #begin(kind: ModelTask['kind'], model: string, order: TaskOrder): void {
    if (this.#task?.state === 'running') throw atWork(this.#task);
    const started = { path: '', done: 0, bytes: 0, findings: [], problem: null };
    const task: Changing<ModelTask> = { kind, model, state: 'running', ...started };
    this.#task = task;
    this.#ended = this.#run(task, order);
  }

  #run(task: Changing<ModelTask>, order: TaskOrder): Promise<void> {
    const thread = startThread(THREAD, order);
    this.#thread = thread;
    const failed = (told: string | null, trace: unknown) => {
      task.state = 'failed';
      task.problem = told ?? t('It failed; the log says why.');
      if (told === null) this.#options.onProblem?.(trace);
    };
    thread.on('message', (message: TaskMessage) => {
      if (message.type === 'progress') Object.assign(task, message.progress);
      else if (message.type === 'failed') failed(message.told, message.trace);
      else Object.assign(task, { state: 'stopped', problem: t('Begun again, it goes on from here.') });
    });
    thread.once('error', (error) => failed(null, error));
    return new Promise((resolve) => {
      thread.once('exit', () => {
        if (task.state === 'running') Object.assign(task, { state: 'done', done: task.bytes });
        if (this.#thread === thread) this.#thread = undefined;
        resolve();
      });
    });
  }
}

function absent(name: string): UserError {
  return new UserError('model_absent', t('The model {name} is not on this disk.', { name }));
}

function atWork({ kind, model }: ModelTask): UserError {
  const problem =
    kind === 'pull'
      ? t('The model {model} is being fetched.', { model })
      : t('The model {model} is being checked.', { model });
  return new UserError('already_at_work', problem, { hint: t('Wait for its end, or stop it.') });
}
