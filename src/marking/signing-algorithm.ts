import { constants, type KeyObject, sign } from 'node:crypto';
import { p256 } from '@noble/curves/nist';
import { UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';

/** One of the algorithms that Content Credentials may be signed with. */
export interface SigningAlgorithm {
  /** As C2PA names it. */
  readonly name: 'es256' | 'es384' | 'es512' | 'ps256' | 'ed25519';
  /** Its number in COSE. */
  readonly cose: number;
  /** The signature of some bytes. */
  readonly sign: (bytes: Uint8Array, key: KeyObject) => Uint8Array;
}

const ecdsa = (hash: string) => (bytes: Uint8Array, key: KeyObject) =>
  sign(hash, bytes, { key, dsaEncoding: 'ieee-p1363' });

/** By the curve of the key. */
const ELLIPTIC: Readonly<Record<string, SigningAlgorithm>> = {
  prime256v1: { name: 'es256', cose: -7, sign: deterministicEs256 },
  secp384r1: { name: 'es384', cose: -35, sign: ecdsa('sha384') },
  secp521r1: { name: 'es512', cose: -36, sign: ecdsa('sha512') },
};

const PS256: SigningAlgorithm = {
  name: 'ps256',
  cose: -37,
  sign: (bytes, key) =>
    sign('sha256', bytes, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
};

/** @throws UserError `signing_key_unsuitable` */
export function algorithmOf(key: KeyObject): SigningAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  const found = type === 'ec' ? ELLIPTIC[details.namedCurve ?? ''] : undefined;
  if (found) return found;
  if (type === 'ed25519') return { name: 'ed25519', cose: -8, sign: (bytes) => sign(null, bytes, key) };
  if ((type === 'rsa' || type === 'rsa-pss') && (details.modulusLength ?? 0) >= 2048) return PS256;
  const got = [type, details.namedCurve, details.modulusLength].filter((part) => part !== undefined).join(' ');
  throw new UserError(
    'signing_key_unsuitable',
    t('Expected a key that pictures can be signed with, got {got}.', { got }),
    {
      hint: t('Allowed are the curves P-256, P-384 and P-521, Ed25519, and RSA of at least 2048 bits.'),
    },
  );
}

/** As RFC 6979 has it: the same bytes get the same signature, so that the same picture is the same file. */
function deterministicEs256(bytes: Uint8Array, key: KeyObject): Uint8Array {
  const { d = '' } = key.export({ format: 'jwk' });
  return p256.sign(bytes, Buffer.from(d, 'base64url'), { prehash: true, lowS: false }).toCompactRawBytes();
}
