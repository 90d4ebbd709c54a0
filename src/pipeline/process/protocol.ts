import { OperatorError, UserError } from '../../system/errors.ts';
import { currentLanguage, inLanguage, type Language, terminalLanguage } from '../../texts/language.ts';
import type { PictureSettings } from '../images/imagine-request.ts';
import type { PictureVerdict } from '../images/picture-verdict.ts';
import type { NoiseMix } from '../math/mixed-generator.ts';
import type { Weights } from './weights.ts';

/**
 * The messages between the bot and the pipeline process, and the interface of an engine in that process. Messages are
 * plain data that the structured-clone algorithm copies (bigints and typed arrays included).
 */

export const ENGINE_STAGES = ['load', 'text', 'prior', 'decoder', 'vqgan', 'encode'] as const;
export type EngineStage = (typeof ENGINE_STAGES)[number];

/** What Stage C gave Stage B: row-major, NCHW. */
export interface EngineEmbedding {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface LoadOptions {
  /** The model folder. */
  readonly model: string;
  /** Execution provider. @default the engine's choice */
  readonly provider?: string;
  /** Of weights and products: fp32, fp16, int8 or auto. @default the engine's choice */
  readonly precision?: string;
  /** Which GPU, as `nvidia-smi` counts them; for CUDA. @default 0 */
  readonly device?: number | undefined;
  /** Of the processor. @default the engine's choice */
  readonly threads?: number | undefined;
  /** Bytes of the host's memory that the process may take, computing on the CPU. @default what is free */
  readonly memoryBudget?: number | undefined;
  /** Whether everything stays loaded. @default 'auto' */
  readonly residency?: 'resident' | 'stage' | 'sequential' | 'auto';
  /**
   * Pictures of several requests that are painted at the same time; `off` is 1, `auto` what a measurement finds worth while.
   * @default 'auto'
   */
  readonly batch?: Batch;
  /** From this many pixels on, pictures are made with as little memory as possible; 0 means all pictures. */
  readonly leanFrom?: number;
  /** Sizes to prepare for, so that no request waits for the accelerator's first run. @default 'auto' */
  readonly warmUp?: WarmUp;
  /** Where the process may keep what it can compute again. @default a folder of this user's */
  readonly cacheDir?: string | undefined;
  /** Folder of the LoRAs that requests name. @default none */
  readonly loras?: string | undefined;
  /** Folder of the picture classifier, which may be missing. @default none */
  readonly classifier?: string | undefined;
  /** From an earlier `done`; maps of another checkpoint are ignored. */
  readonly previewMaps?: unknown;
}

/** Pictures of several requests at the same time. */
export type Batch = 'auto' | 'off' | number;

/** The most pictures that can be asked to be painted at the same time. */
export const MOST_TOGETHER = 64;

/** As it is typed; `undefined` for anything else. */
export function readBatch(typed: string): Batch | undefined {
  const kind = typed.toLowerCase();
  if (kind === 'auto' || kind === 'off') return kind;
  const pictures = /^\d+$/.test(typed) ? Number(typed) : 0;
  return pictures >= 1 && pictures <= MOST_TOGETHER ? pictures : undefined;
}

/** Sizes in pixels; `auto` is 1024×1024 on accelerators that keep everything loaded, and nothing elsewhere. */
export type WarmUp = 'auto' | readonly { readonly width: number; readonly height: number }[];

/** What was loaded. */
export interface EngineInfo extends Weights {
  /** Name of the model's folder. @default 'wuerstchen' */
  readonly model?: string;
  /** Execution provider and precision, e.g. `cpu-fp32`. */
  readonly provider: string;
  /**
   * What computes, as far as pictures of the same provider depend on it, such as the model of the GPU: others give other last
   * digits. @default not known
   */
  readonly device?: string;
  readonly styles: readonly string[];
  /** A number from 0 (base) to 1 (aesthetic) is a style too. @default false */
  readonly mixesStyles?: boolean;
  /** Sizes that the checkpoint can make, in pixels. @default the published checkpoints' */
  readonly sizes?: {
    readonly minSide: number;
    readonly maxSide: number;
    readonly maxPixels: number;
    readonly gridStep: number;
  };
  /** Name and version of the picture classifier. @default none is installed */
  readonly classifier?: string;
  /** Requests may start from pictures. @default false */
  readonly startsFromPictures?: boolean;
  /**
   * Pictures that requests which are alike (one size, style and the same LoRAs) may have painted at the same time, in all.
   * @default 1: requests are worked on one after another
   */
  readonly together?: number;
  /** What stays loaded, and why; for people. */
  readonly memory?: string;
  /** The prepared sizes, or why there are none; for people. */
  readonly warmed?: string;
}

/** For a line of a log, which all the hashes would fill. */
export function shortInfo({ formerCheckpoints: _, further: __, ...rest }: EngineInfo): EngineInfo {
  return rest;
}

/** Whether pictures can be made in a style. */
export function hasStyle(
  { styles, mixesStyles = false }: Pick<EngineInfo, 'styles' | 'mixesStyles'>,
  style: string,
): boolean {
  return styles.includes(style) || (mixesStyles && Number.isFinite(Number(style)));
}

/** Where Stage B's image embedding comes from. */
export type ImageSource =
  /** Stage C from the words; its draws come from `seed`. */
  | { readonly kind: 'words'; readonly seed: bigint }
  /** As `words`, but every draw is mixed by slerp with those of other seeds, one after the other. */
  | { readonly kind: 'mix'; readonly seed: bigint; readonly mixes: readonly NoiseMix[] }
  /** No Stage C. */
  | { readonly kind: 'embedding'; readonly embedding: EngineEmbedding }
  /** The embedding resized to the request's size, re-noised by `strength` (0 to 1) and taken through Stage C again. */
  | {
      readonly kind: 'enlarge';
      readonly embedding: EngineEmbedding;
      readonly seed: bigint;
      readonly strength: number;
    };

export interface ImagePlan {
  /** Position in its job, from 0. */
  readonly index: number;
  readonly source: ImageSource;
  readonly stageBSeed: bigint;
  /** Text chunks of the PNG, by keyword. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface EngineRequest extends PictureSettings {
  readonly images: readonly ImagePlan[];
  /** Paths of the files that `start` names, by hash. @default none */
  readonly files?: Readonly<Record<string, string>>;
  /** The picture classifier looks at each picture, where one is installed. @default false */
  readonly judge?: boolean;
  /** Of whoever reads its warnings and errors. @default English */
  readonly language?: Language | undefined;
}

export type EngineEvent =
  | {
      readonly type: 'step';
      readonly stage: EngineStage;
      /** Position of the image in its job; `null` for steps that all images share. */
      readonly image: number | null;
      /** Steps done in this stage, 0 to total. */
      readonly step: number;
      readonly total: number;
      /** Of the scheduler; `null` outside the denoising stages. */
      readonly timestep: number | null;
      /** A small JPEG or PNG of what the picture will be. */
      readonly preview: Uint8Array | null;
      /** Positions of the pictures in the preview, row by row. */
      readonly previewOf?: readonly number[];
      /** As that of `done`, up to here. @default 1 */
      readonly share?: number;
    }
  | {
      readonly type: 'image';
      readonly image: number;
      readonly png: Uint8Array;
      readonly metadata: Readonly<Record<string, string>>;
      readonly embedding: EngineEmbedding;
      /** What the picture classifier found, where it was asked and is installed. */
      readonly verdict?: PictureVerdict;
    }
  | {
      readonly type: 'done';
      /** Milliseconds spent in each stage; of a batch that was shared with others, the share of this request's rows. */
      readonly timings: Readonly<Partial<Record<EngineStage, number>>>;
      /** That share of the time since the request was begun, above 0. @default 1 */
      readonly share?: number;
      /** Sentences for the person who asked, such as what of the prompt the model could not read. */
      readonly warnings: readonly string[];
      /** What previews have learned, when there is something new: plain JSON, to be kept for the next `load`. */
      readonly previewMaps?: { readonly checkpoint: string; readonly prior: unknown; readonly decoder: unknown };
    };

export interface EngineContext {
  /**
   * To be awaited before every call that blocks the thread (`session.run`, `InferenceSession.create`): tells the
   * parent what is about to run and how long it should take, and lets a cancellation in. The process counts as hung
   * when the call is overdue by max(60 s, 10 × expected); a silence without announcement is judged as one of 0 ms.
   */
  announce(call: string, expectedMs: number): Promise<void>;
}

export interface LoadContext extends EngineContext {
  /** Tells the parent what `load` did not know yet, such as the hash of large weights. */
  readonly changed?: (info: EngineInfo) => void;
}

export interface GenerateContext extends EngineContext {
  /** Aborted when the request is cancelled; `announce` and each `yield` then end the request by themselves. */
  readonly signal: AbortSignal;
}

/** The model, as the pipeline process drives it. Requests may come while others are painted; they wait if they have to. */
export interface Engine {
  /** Called once, before any request. An `OperatorError` says what is wrong with the model or the provider. */
  load(options: LoadOptions, context: LoadContext): Promise<EngineInfo>;
  /** Each event is on its way to the parent before the generator goes on. */
  generate(request: EngineRequest, context: GenerateContext): AsyncGenerator<EngineEvent, void>;
}

/** What the module with the engine exports. */
export interface EngineModule {
  createEngine(): Engine;
}

/** To be thrown by an engine whose provider is gone for good (a lost device): the process ends and is replaced. */
export class EngineLost extends Error {
  override readonly name = 'EngineLost';
}

export type ToProcess =
  | { readonly type: 'load'; readonly options: LoadOptions }
  | { readonly type: 'generate'; readonly id: number; readonly request: EngineRequest }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'exit' };

export type FromProcess =
  /** The process listens from now on. */
  | { readonly type: 'up' }
  | { readonly type: 'loaded'; readonly info: EngineInfo }
  /** Something of it is known better now; says nothing of the call that is running. */
  | { readonly type: 'changed'; readonly info: EngineInfo }
  | { readonly type: 'load-failed'; readonly error: ErrorReport }
  | { readonly type: 'announce'; readonly call: string; readonly expectedMs: number }
  | { readonly type: 'event'; readonly id: number; readonly event: EngineEvent }
  /** `error` is `null` after success. */
  | { readonly type: 'end'; readonly id: number; readonly error: ErrorReport | null };

/** An error as data: classes do not survive the way between processes. */
export interface ErrorReport {
  readonly kind: 'user' | 'operator' | 'cancelled' | 'unexpected';
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly stack: string;
  /** What only the operator can mend, in the language of the terminal where that is not English. */
  readonly atTerminal?: TerminalTexts | undefined;
}

interface TerminalTexts {
  readonly language: Language;
  readonly message: string;
  readonly hint: string | null;
}

export function reportError(error: unknown, cancelled: boolean): ErrorReport {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  if (cancelled) return { kind: 'cancelled', code: 'cancelled', message, hint: null, stack };
  if (error instanceof UserError || error instanceof OperatorError) {
    const report = { code: error.code, message, hint: error.hint ?? null, stack };
    if (error instanceof UserError) return { kind: 'user', ...report };
    return { kind: 'operator', ...report, atTerminal: atTerminal(error) };
  }
  return { kind: 'unexpected', code: 'pipeline_failed', message, hint: null, stack };
}

function atTerminal(error: OperatorError): TerminalTexts | undefined {
  const language = terminalLanguage(process.env);
  if (language === 'en') return undefined;
  const { message, hint = null } = inLanguage(language, () => error.told);
  return { language, message, hint };
}

/** The error that `reportError` described, with the stack of the other process as its cause. */
export function errorFrom({ kind, code, message, hint, stack, atTerminal }: ErrorReport): UserError | OperatorError {
  if (kind === 'user') return new UserError(code, message, { cause: stack, ...(hint === null ? {} : { hint }) });
  const said = () => (atTerminal?.language === currentLanguage() ? atTerminal : { message, hint });
  return new OperatorError(code, () => said().message, {
    hint: hint === null ? undefined : () => said().hint ?? hint,
    cause: stack,
  });
}
