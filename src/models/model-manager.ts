import { Hub } from '../pipeline/hub/hub.ts';
import { type HubOptions, hubOptionsFrom } from '../pipeline/hub/hub-options.ts';
import { readLock } from '../pipeline/hub/lock-file.ts';
import { type PullEvent, pullModel } from '../pipeline/hub/pull.ts';
import { freeBytes } from '../system/disk.ts';
import { OperatorError, UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';
import { modelsFolder } from './model-folder.ts';
import { findModel, folderOf, listModels, type ModelStatus, removeModel, type STYLES, useModel } from './store.ts';
import { type VerifyFinding, verifyModel } from './verify.ts';

export interface ManagedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface PullWish {
  readonly styles: readonly (typeof STYLES)[number][];
  readonly variant?: 'fp16' | undefined;
  /** Also what it takes to start from pictures. */
  readonly pictures: boolean;
}

/** Something that takes minutes; one at a time. */
export interface ModelTask {
  readonly kind: 'pull' | 'verify';
  readonly model: string;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  /** The file that is being fetched or was read last. */
  readonly path: string;
  /** Bytes that were fetched, and all that are to be; 0 before that is known. */
  readonly done: number;
  readonly bytes: number;
  /** What is wrong, file by file. */
  readonly findings: readonly VerifyFinding[];
  readonly problem: string | null;
}

type Changing<T> = { -readonly [K in keyof T]: T[K] };

/** What `wuerst models` does, for the page of the administration: the same store, one long task at a time. */
export class ModelManager {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #hub: HubOptions;
  #task: Changing<ModelTask> | undefined;
  #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  /** @param hub overrides the hub options of the environment */
  constructor(env: NodeJS.ProcessEnv, hub: HubOptions = {}) {
    this.#env = env;
    this.#hub = hub;
    this.folder = modelsFolder(env);
  }

  list(): Promise<ModelStatus[]> {
    return listModels(this.folder);
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
  async pull(name: string, { styles, variant, pictures }: PullWish): Promise<void> {
    const model = await findModel(this.folder, name);
    if (model.embedded) {
      throw new UserError(
        'model_embedded',
        t('The model {name} comes with wuerst: there is nothing to fetch.', { name }),
      );
    }
    const task = this.#begin('pull', name);
    const hub = new Hub({ ...hubOptionsFrom(this.#env), ...this.#hub });
    const { signal } = this.#stop;
    const folder = folderOf(this.folder, model);
    const landed = new Map<string, number>();
    this.#ended = this.#follow(task, async () => {
      try {
        const events = pullModel({ model, folder, hub, styles, imageEncoder: pictures, variant, signal });
        for await (const event of events) take(task, event, landed);
      } finally {
        await hub.close();
      }
    });
  }

  /** Begins to read every file again. @throws UserError `unknown_model`, `model_absent` or `already_at_work` */
  async verify(name: string): Promise<void> {
    const { folder, state, source } = await this.#status(name);
    if (state === 'absent') throw new UserError('model_absent', t('The model {name} is not on this disk.', { name }));
    const model = source === 'own' ? undefined : await findModel(this.folder, name);
    const task = this.#begin('verify', name);
    const { signal } = this.#stop;
    this.#ended = this.#follow(task, async () => {
      for await (const finding of verifyModel({ folder, model, signal })) {
        task.path = finding.path;
        task.findings = [...task.findings, finding];
      }
    });
  }

  /** @throws UserError as `removeModel`, and `already_at_work` while it is being fetched */
  async remove(name: string): Promise<ModelStatus> {
    if (this.#task?.state === 'running' && this.#task.model === name) throw atWork(this.#task);
    return removeModel(this.folder, name);
  }

  /** From the next start on. @throws UserError as `useModel` */
  use(name: string): Promise<ModelStatus> {
    return useModel(this.folder, name);
  }

  /** Ends the task that runs; what was fetched stays. */
  async stop(): Promise<void> {
    this.#stop.abort(new UserError('stopped', t('Stopped. Begun again, it goes on from here.')));
    await this.#ended;
  }

  async #status(name: string): Promise<ModelStatus> {
    const found = (await this.list()).find((model) => model.name === name);
    if (found) return found;
    await findModel(this.folder, name);
    throw new UserError('unknown_model', t('There is no model "{name}".', { name }));
  }

  #begin(kind: ModelTask['kind'], model: string): Changing<ModelTask> {
    if (this.#task?.state === 'running') throw atWork(this.#task);
    this.#stop = new AbortController();
    this.#task = { kind, model, state: 'running', path: '', done: 0, bytes: 0, findings: [], problem: null };
    return this.#task;
  }

  async #follow(task: Changing<ModelTask>, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      task.state = 'done';
    } catch (error) {
      task.state = this.#stop.signal.aborted ? 'stopped' : 'failed';
      const isTold = error instanceof UserError || error instanceof OperatorError;
      task.problem = isTold ? [error.message, error.hint].filter(Boolean).join(' ') : 'It failed; the log says why.';
    }
  }
}

function take(task: Changing<ModelTask>, event: PullEvent, landed: Map<string, number>): void {
  if (event.type === 'plan') task.bytes = event.toFetch;
  if (event.type === 'plan' || event.type === 'twin') return;
  task.path = event.path;
  if (event.type === 'progress') landed.set(event.path, Math.max(landed.get(event.path) ?? 0, event.done));
  task.done = Math.min(
    task.bytes,
    [...landed.values()].reduce((sum, bytes) => sum + bytes, 0),
  );
}

function atWork({ kind, model }: ModelTask): UserError {
  const what = kind === 'pull' ? 'fetched' : 'checked';
  return new UserError('already_at_work', t('The model {model} is being {what}.', { model, what }), {
    hint: t('Wait for its end, or stop it.'),
  });
}
