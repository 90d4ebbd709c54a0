import type { X509Certificate } from 'node:crypto';
import { CBOR_NULL, cborArray, cborBytes, cborInteger, cborMap, cborTagged, cborText } from './cbor.ts';
import type { Credential } from './credential.ts';

const COSE_SIGN1 = 18;
const ALGORITHM = cborInteger(1);
const CERTIFICATES = cborInteger(33);

/** Bytes that a signature and its certificates take at most. */
export function signatureRoom({ chain }: Credential): number {
  return 2048 + chain.reduce((sum, { raw }) => sum + raw.length, 0);
}

/**
 * A claim's signature as COSE_Sign1 (RFC 9052) with detached content, as C2PA embeds it: certificates in the protected
 * header, filled up to the room that was kept for it.
 */
export function coseSignature(claim: Uint8Array, credential: Credential): Uint8Array {
  const { algorithm, key, chain } = credential;
  const header = cborMap([ALGORITHM, cborInteger(algorithm.cose)], [CERTIFICATES, certificates(chain)]);
  const signed = cborArray(cborText('Signature1'), cborBytes(header), cborBytes(new Uint8Array()), cborBytes(claim));
  const signature = algorithm.sign(signed, key);
  const padded = (bytes: number) => {
    const padding = cborMap([cborText('pad'), cborBytes(new Uint8Array(bytes))]);
    return cborTagged(COSE_SIGN1, cborArray(cborBytes(header), padding, CBOR_NULL, cborBytes(signature)));
  };
  const room = signatureRoom(credential);
  // Two bytes more, as the length of so many is longer itself.
  return padded(room - padded(0).length - 2);
}

/** One alone, or a list; the root is known to whoever trusts it. */
function certificates(chain: readonly X509Certificate[]): Uint8Array {
  const sent = chain.filter((certificate, i) => i === 0 || certificate.subject !== certificate.issuer);
  const [first, ...others] = sent.map(({ raw }) => cborBytes(raw));
  return first && others.length === 0 ? first : cborArray(...(first ? [first] : []), ...others);
}
