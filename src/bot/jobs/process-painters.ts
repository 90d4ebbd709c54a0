import { type PipelineClient, type PipelineStatus, PipelineStopped } from '../../pipeline/process/client.ts';
import type { EngineInfo } from '../../pipeline/process/protocol.ts';
import type { Painter } from './painter.ts';
import type { Painters } from './painters.ts';

type Client = Pick<PipelineClient, 'status' | 'generate' | 'start' | 'stop'>;

/** A pipeline process that is to become a painter. */
export interface PainterProcess extends Pick<Painter, 'id' | 'name' | 'hardware'> {
  /** @param onStatus to be called whenever the client's status changes */
  readonly connect: (onStatus: () => void) => Client;
}

export interface ProcessPaintersOptions {
  readonly painters: Painters;
  /** At least one. */
  readonly processes: readonly PainterProcess[];
  /** One of several cannot be started: the others go on without it. */
  readonly onProblem: (error: unknown, painter: Painter) => void;
}

/** The pipeline processes of this machine: each is a painter from its construction on, and ready once it has loaded. */
export class ProcessPainters {
  readonly #options: ProcessPaintersOptions;
  readonly #members: readonly { readonly painter: Painter; readonly client: Client }[];
  #isStopping = false;
  /** Ends when all have loaded, or failed to. */
  #starting: Promise<unknown> = Promise.resolve();

  constructor(options: ProcessPaintersOptions) {
    this.#options = options;
    const { painters } = options;
    this.#members = options.processes.map(({ connect, ...identity }) => {
      const client = connect(() => painters.changed(identity.id));
      return { client, painter: processPainter(client, identity) };
    });
    for (const { painter } of this.#members) painters.join(painter);
  }

  get statuses(): readonly PipelineStatus[] {
    return this.#members.map(({ client }) => client.status);
  }

  /**
   * Resolves when one of them has loaded the model. The others load after that: what the first one has computed of the weights
   * is then on disk, and its memory is taken.
   *
   * @throws what the start of the first has thrown, if none can be started
   */
  async start(): Promise<EngineInfo> {
    const errors: unknown[] = [];
    for (const [index, { client, painter }] of this.#members.entries()) {
      try {
        const info = await client.start();
        this.#starting = Promise.all(this.#members.slice(index + 1).map((member) => this.#follow(member)));
        return info;
      } catch (error) {
        errors.push(error);
        if (this.#isStopping) break;
        if (this.#members.length > 1) this.#lose(painter, error);
      }
    }
    throw errors[0];
  }

  /** As the client's `stop`, all at once. */
  async stop(options: Parameters<Client['stop']>[0]): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#members.map(({ client }) => client.stop(options)));
    await this.#starting;
  }

  async #follow({ client, painter }: { readonly client: Client; readonly painter: Painter }): Promise<void> {
    if (this.#isStopping) return;
    try {
      await client.start();
    } catch (error) {
      if (!this.#isStopping) this.#lose(painter, error);
    }
  }

  #lose(painter: Painter, error: unknown): void {
    if (!(error instanceof PipelineStopped)) this.#options.onProblem(error, painter);
    this.#options.painters.leave(painter.id);
  }
}

function processPainter(client: Client, identity: Pick<Painter, 'id' | 'name' | 'hardware'>): Painter {
  return {
    ...identity,
    get status() {
      const { info, state } = client.status;
      return { info, ready: state === 'ready' || state === 'busy' };
    },
    generate: (request, options) => client.generate(request, options),
  };
}
