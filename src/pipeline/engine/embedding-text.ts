import type { EngineEmbedding } from '../process/protocol.ts';

/** Keyword of the text of a PNG that holds its image embedding: Stages B and A make the picture from it again. */
export const EMBEDDING_TEXT = 'wuerst-embedding';

/** As JSON: dims, and the values as little-endian 32-bit floats in base64. */
export function embeddingText({ dims, data }: EngineEmbedding): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return JSON.stringify({ dims, data: bytes.toString('base64') });
}
