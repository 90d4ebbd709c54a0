import * as z from 'zod';
import { imagineRequest } from '../pipeline/images/imagine-request.ts';
import { type PictureVerdict, pictureVerdict } from '../pipeline/images/picture-verdict.ts';
import { ENGINE_STAGES, type EngineEmbedding, type EngineRequest } from '../pipeline/process/protocol.ts';
import { LANGUAGES } from '../texts/language.ts';
import { said } from './said.ts';

/**
 * The messages of the pipeline process (`pipeline/process/protocol.ts`) as JSON: what the bot and the worker's machine
 * tell each other over HTTP. Both sides read them with these schemas.
 */

const uint64 = z.codec(
  z
    .string()
    .regex(/^\d{1,20}$/)
    .refine((digits) => BigInt(digits) < 2n ** 64n),
  z.bigint(),
  { decode: BigInt, encode: String },
);

const bytes = z.codec(
  z.base64(),
  z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  {
    decode: (text) => new Uint8Array(Buffer.from(text, 'base64')),
    encode: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  },
);

const dims = z.array(z.number().int().positive()).max(8).readonly();

/** Floats as their bytes, little-endian. */
const embedding = z.codec(
  z.object({ dims, data: z.base64() }),
  z.custom<EngineEmbedding>((value) => typeof value === 'object'),
  {
    decode: ({ dims, data }, context) => embeddingOf(dims, Buffer.from(data, 'base64'), context.issues),
    encode: ({ dims, data }) => ({ dims, data: floatBytes(data).toString('base64') }),
  },
);

const noiseMix = z.object({ seed: uint64, strength: z.number().min(0).max(1) });

const imageSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('words'), seed: uint64 }),
  z.object({ kind: z.literal('mix'), seed: uint64, mixes: z.array(noiseMix).readonly() }),
  z.object({ kind: z.literal('embedding'), embedding }),
  z.object({ kind: z.literal('enlarge'), embedding, seed: uint64, strength: z.number().min(0).max(1) }),
]);

const index = z.number().int().min(0).max(9);
const metadata = z.record(z.string(), z.string());

const settings = imagineRequest.omit({
  ...{ n: true, seed: true, spoiler: true },
  ...{ original: true, originalNegative: true, origins: true },
}).shape;

export const wirePlan = z.strictObject({ index, source: imageSource, stageBSeed: uint64, metadata });

/** What a worker is asked to paint. The files that it starts from are fetched by their hashes. */
export const wireRequest = z.strictObject({
  ...settings,
  width: z.number().int().positive(),
  height: z.number().int().positive(),
  images: z.array(wirePlan).min(1).max(10).readonly(),
  files: z.array(z.string().regex(/^[0-9a-f]{64}$/)).exactOptional(),
  judge: z.boolean().exactOptional(),
  language: z.enum(LANGUAGES).exactOptional(),
});

export type WireRequest = z.output<typeof wireRequest>;

const stage = z.enum(ENGINE_STAGES);
/** Rounding may take it a little above 1. */
const share = z.number().min(0).max(1.001).exactOptional();

export const wireStep = z.strictObject({
  type: z.literal('step'),
  stage,
  image: index.nullable(),
  step: z.number().int().min(0),
  total: z.number().int().min(0),
  timestep: z.number().nullable(),
  preview: bytes.nullable(),
  previewOf: z.array(index).max(10).readonly().exactOptional(),
  share,
});

/** What is longer is sent without its end: a message that is refused would be sent again and again, and the job with it. */
const words = (most: number) =>
  z.codec(z.string().max(most), z.string(), { decode: (text) => text, encode: (text) => text.slice(0, most) });

const error = z.object({
  kind: z.enum(['user', 'operator', 'cancelled', 'unexpected']),
  code: words(100),
  message: words(2000),
  hint: words(2000).nullable(),
  stack: words(20_000),
});

const ending = z.object({
  reason: z.enum(['exit', 'signal', 'hung', 'stopped', 'not-started']),
  code: z.number().nullable(),
  signal: words(20).nullable(),
  call: words(200).nullable(),
  output: words(4000),
});

/** More than a day in one stage is no measurement. */
const milliseconds = z.number().min(0).max(86_400_000);

/** A job that is done. */
export const wireDone = z.strictObject({
  kind: z.literal('done'),
  timings: z.partialRecord(stage, milliseconds),
  /** They may quote the end of a prompt. */
  warnings: z.array(words(10_000)).max(20).readonly(),
  share,
});

/** How a worker ended with a job. */
export const wireEnd = z.discriminatedUnion('kind', [
  wireDone,
  z.strictObject({ kind: z.literal('failed'), error }),
  /** The pipeline process died over it. */
  z.strictObject({ kind: z.literal('crashed'), ending }),
  /** It cannot or need not go on, through no fault of the job's. */
  z.strictObject({
    kind: z.literal('given-back'),
    reason: said,
    /** It takes no other job either: it stops. */
    leaving: z.boolean(),
  }),
]);

export type WireEnd = z.output<typeof wireEnd>;

/** Many times what any picture's head and embedding take. */
const HEAD_BYTES = 2 ** 20;
const EMBEDDING_BYTES = 16 * 2 ** 20;

/** The head of a finished picture; the bytes of the embedding and then those of the PNG come after it. */
export const wireImage = z.strictObject({
  ...{ metadata, dims, embeddingBytes: z.number().int().min(0).max(EMBEDDING_BYTES) },
  verdict: pictureVerdict.exactOptional(),
});

export interface WireImage {
  readonly metadata: Readonly<Record<string, string>>;
  readonly embedding: EngineEmbedding;
  readonly png: Uint8Array;
  readonly verdict?: PictureVerdict;
}

/** As it is uploaded: the length of the head in 4 bytes, the head, the embedding, the PNG. */
export function packImage({ metadata, embedding, png, verdict }: WireImage): Buffer {
  const floats = floatBytes(embedding.data);
  const head = Buffer.from(JSON.stringify({ metadata, dims: embedding.dims, embeddingBytes: floats.length, verdict }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, floats, png]);
}

/** @returns `undefined` for what `packImage` never gives */
export function unpackImage(body: Buffer): WireImage | undefined {
  if (body.length < 4) return undefined;
  const headEnd = 4 + body.readUInt32LE(0);
  if (headEnd > Math.min(body.length, 4 + HEAD_BYTES)) return undefined;
  const head = wireImage.safeParse(parsedJson(body.subarray(4, headEnd).toString('utf8')));
  if (!head.success) return undefined;
  const { metadata, dims, embeddingBytes, verdict } = head.data;
  if (headEnd + embeddingBytes > body.length) return undefined;
  const issues: unknown[] = [];
  const given = embeddingOf(dims, body.subarray(headEnd, headEnd + embeddingBytes), issues);
  if (issues.length > 0) return undefined;
  const png = body.subarray(headEnd + embeddingBytes);
  return { metadata, embedding: given, png, ...(verdict === undefined ? {} : { verdict }) };
}

export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The request of a file's paths by hash, as the other side knows it before it has the files. */
export function toWire({ files, ...request }: EngineRequest): z.input<typeof wireRequest> {
  const given = { ...request, ...(files === undefined ? {} : { files: Object.keys(files) }) };
  return z.encode(wireRequest, given as WireRequest);
}

function embeddingOf(dims: readonly number[], data: Buffer, issues: unknown[]): EngineEmbedding {
  const count = dims.reduce((product, side) => product * side, 1);
  if (data.length !== 4 * count) {
    issues.push({ code: 'custom', input: data.length, message: `expected ${4 * count} bytes, got ${data.length}` });
    return { dims: [0], data: new Float32Array(0) };
  }
  // A copy: floats have to lie at a multiple of four.
  return { dims, data: new Float32Array(new Uint8Array(data).buffer) };
}

function floatBytes(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
