import {
  decodeImage,
  type EncodeOptions,
  encodeImage,
  type RgbImage,
  readMetadata,
  withTextChunks,
} from '../pipeline/images/image-file.ts';
import { XMP_KEYWORD } from '../pipeline/images/picture-texts.ts';
import { once } from '../system/memo.ts';
import { t } from '../texts/translate.ts';
import { type Credential, hasExpired, issuerName, requireInForce, signerName } from './credential.ts';
import { XMP_PACKET } from './digital-source.ts';
import { Signer } from './signer.ts';
import { watermarked } from './watermark.ts';

/** How a picture is encoded anew: without it, it stays the PNG that it is. */
export type Encoding = Omit<EncodeOptions, 'metadata' | 'xmp'>;

/** A stored picture on its way out. */
export interface OutgoingPicture {
  /** Its file, marked after everything else: each encoding has its own signature. */
  file(encoding?: Encoding): Promise<Buffer>;
}

/**
 * Says of pictures that a machine made them, where they leave: what is stored and compared stays as it was painted.
 */
export interface Marker {
  /** A sentence about who signs, for whoever reads it now. `undefined` where nobody does. */
  readonly note: string | undefined;
  /** The certificate that the signer's leads to, as PEM. */
  readonly certificate: string | undefined;
  /** What files say of their origin as XMP; all but the smallest are signed, too. `undefined` where they say nothing. */
  readonly xmp: string | undefined;
  /** A picture of the program's own, from its stored PNG. */
  open(png: Buffer): OutgoingPicture;
  /** A picture as a file. */
  encode(image: RgbImage, options: EncodeOptions): Promise<Buffer>;
}

/** Marks nothing. */
export const UNMARKED: Marker = {
  note: undefined,
  certificate: undefined,
  xmp: undefined,
  open: (png) => ({
    file: async (encoding) =>
      encoding === undefined
        ? png
        : encodeImage(await decodeImage(png), { ...encoding, metadata: await readMetadata(png) }),
  }),
  encode: encodeImage,
};

export interface MarkerOptions {
  /** Whether files say what they are. */
  readonly signature: boolean;
  /** Without it, they say so and nobody signs that. */
  readonly credential: Credential | undefined;
  /** Whether the pixels say so, too. */
  readonly watermark: boolean;
  /** Called once, when a picture cannot be signed: it goes out all the same. */
  readonly onProblem: (error: unknown) => void;
}

/** The marker of this installation. */
export class OwnMarker implements Marker {
  readonly certificate: string | undefined;
  readonly xmp: string | undefined;
  readonly #credential: Credential | undefined;
  readonly #signer: Signer | undefined;
  readonly #watermark: boolean;
  readonly #onProblem: (error: unknown) => void;
  #hasFailed = false;

  constructor({ signature, credential, watermark, onProblem }: MarkerOptions) {
    this.#watermark = watermark;
    this.xmp = signature ? XMP_PACKET : undefined;
    this.#credential = credential;
    this.certificate = credential?.chain.at(-1)?.toString();
    this.#signer = credential && new Signer(credential.pem);
    this.#onProblem = onProblem;
  }

  get note(): string | undefined {
    // Pictures go out without a signature then.
    if (this.#credential === undefined || hasExpired(this.#credential, new Date())) return undefined;
    return signingNote(this.#credential);
  }

  /** Gets ready for the first picture, which would wait for it. */
  prepare(): void {
    this.#signer?.prepare();
  }

  open(png: Buffer): OutgoingPicture {
    const pixels = once(async () => this.#withWatermark(await decodeImage(png)));
    return {
      file: async (encoding) => {
        if (encoding === undefined && !this.#watermark) return this.#sign(this.#stated(png), 'png');
        return this.#file(await pixels(), { ...encoding, metadata: await readMetadata(png) });
      },
    };
  }

  encode(image: RgbImage, options: EncodeOptions): Promise<Buffer> {
    return this.#file(this.#withWatermark(image), options);
  }

  #withWatermark(image: RgbImage): RgbImage {
    return this.#watermark ? watermarked(image) : image;
  }

  async #file(image: RgbImage, options: EncodeOptions): Promise<Buffer> {
    return this.#sign(await encodeImage(image, { ...options, xmp: this.xmp }), options.format ?? 'png');
  }

  async stop(): Promise<void> {
    await this.#signer?.stop();
  }

  #stated(png: Buffer): Buffer {
    return this.xmp === undefined ? png : withTextChunks(png, { [XMP_KEYWORD]: this.xmp });
  }

  async #sign(file: Buffer, format: string): Promise<Buffer> {
    if (this.#signer === undefined || this.#credential === undefined) return file;
    try {
      requireInForce(this.#credential, new Date());
      return Buffer.from(await this.#signer.sign(file, `image/${format}`));
    } catch (error) {
      if (!this.#hasFailed) this.#onProblem(error);
      this.#hasFailed = true;
      return file;
    }
  }
}

function signingNote(credential: Credential): string {
  const name = signerName(credential);
  return credential.isOwn
    ? t('Signed by {name}, untrusted: the bot made its certificate itself, and no authority vouches for it.', { name })
    : t('Signed by {name}, whose certificate is from {issuer}.', { name, issuer: issuerName(credential) });
}
