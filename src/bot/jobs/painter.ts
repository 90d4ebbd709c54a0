import type { ImageParameters } from '../../pipeline/images/parameters.ts';
import type { EngineEvent, EngineInfo, EngineRequest } from '../../pipeline/process/protocol.ts';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';

/** Whoever can paint: a pipeline process of this machine, or one that another machine lends. */
export interface Painter {
  /** Tells it from all others that this bot ever has; it keeps it when it comes back. */
  readonly id: string;
  /** For people, such as `GPU 1`. */
  readonly name: string;
  /**
   * What its speed depends on besides weights and provider, such as the GPU. Painters that are alike in these share the step
   * times that were measured. @default nothing else
   */
  readonly hardware?: string;
  readonly status: PainterStatus;
  /**
   * Paints one request; the core gives it the next one only when this has ended, well or not, or `alongside` it where the
   * painter's `info.together` admits it.
   *
   * @throws PipelineCrashed if it died of the request, or while it worked on it: the start counts against the job
   * @throws PipelineStopped if it gives the request back: another painter takes it up, and nobody is blamed
   * @throws the signal's reason, or the engine's UserError or OperatorError
   */
  generate(
    request: EngineRequest,
    options?: { readonly signal?: AbortSignal; readonly alongside?: boolean },
  ): AsyncGenerator<EngineEvent, void>;
}

/** A painter as it is now. Whoever let it join tells `Painters.changed` of each change. */
export interface PainterStatus {
  /** What it has loaded, or had before it was lost; `null` before the first time. */
  readonly info: EngineInfo | null;
  /** Whether it is there and its model is loaded. @default true */
  readonly ready?: boolean;
  /** Names of the LoRAs that it has. @default those of the bot */
  readonly loras?: readonly string[];
}

/** Text chunks for a picture's file, by keyword. */
export type Describe = (parameters: ImageParameters) => Readonly<Record<string, string>>;

/** @throws OperatorError `pipeline_not_loaded` */
export function loadedBy({ status: { info } }: Pick<Painter, 'status'>): EngineInfo {
  if (info === null) throw new OperatorError('pipeline_not_loaded', () => t('A job came before the model was loaded.'));
  return info;
}

/** Which measured step times are a painter's; `null` while nothing is loaded. */
export function speedOf({ status: { info }, hardware }: Pick<Painter, 'status' | 'hardware'>): string | null {
  if (info === null) return null;
  // The former hash: it stays the same while the hash of large weights is computed.
  const model = `${info.formerCheckpoints?.[0] ?? info.checkpoint} ${info.provider}`;
  return hardware === undefined ? model : `${model} ${hardware}`;
}
