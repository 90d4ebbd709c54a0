import { VERSION } from '../pipeline/version.ts';
import { NO_NETWORK, WasmBuilder } from './c2pa.ts';
import { coseSignature, signatureRoom } from './cose-signature.ts';
import type { Credential } from './credential.ts';
import { MADE_BY_A_MODEL } from './digital-source.ts';

/**
 * The file with Content Credentials: a signed statement of what made it, and of every byte of it.
 *
 * @param type of the file, e.g. `image/png`
 */
export async function signFile(file: Uint8Array, type: string, credential: Credential): Promise<Uint8Array> {
  const definition = { claim_generator_info: [{ name: 'wuerst', version: VERSION }] };
  const builder = WasmBuilder.fromJson(JSON.stringify(definition), JSON.stringify(NO_NETWORK));
  try {
    builder.setIntent({ create: MADE_BY_A_MODEL });
    const signer = {
      alg: credential.algorithm.name,
      reserveSize: signatureRoom(credential),
      sign: async (claim: Uint8Array) => new Uint8Array(coseSignature(claim, credential)),
    };
    return await builder.sign(signer, [], type, new BytesBlob(file));
  } finally {
    builder.free();
  }
}

/** A blob whose parts can be read at once, which the program in WebAssembly asks for. */
class BytesBlob extends Blob {
  readonly content: Uint8Array;

  constructor(content: Uint8Array) {
    super([content]);
    this.content = content;
  }

  override slice(start?: number, end?: number): BytesBlob {
    return new BytesBlob(this.content.subarray(start, end));
  }
}

/** Browsers' reader of blobs, as far as it is used. Signing finds it as `FileReaderSync`, which only its own thread has. */
export class BlobReaderSync {
  readAsArrayBuffer(blob: BytesBlob): ArrayBuffer {
    return new Uint8Array(blob.content).buffer;
  }
}
