import { generateKeyPairSync, sign } from 'node:crypto';

const ECDSA_WITH_SHA256 = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));

interface Certificate {
  /** The IPv4 address that it is for. @default '127.0.0.1' */
  readonly address?: string;
  /** How many days before and after now it is valid. */
  readonly days?: readonly [number, number];
}

/** A certificate that signs itself, and its key, both as PEM. */
export function selfSigned({ address = '127.0.0.1', days: [before, after] = [1, 1] }: Certificate = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence(oid([0x55, 0x04, 0x03]), der(0x0c, Buffer.from('wuerst test')))));
  const alternative = sequence(der(0x87, Buffer.from(address.split('.').map(Number))));
  const toSign = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(-before), time(after)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(sequence(oid([0x55, 0x1d, 0x11]), der(0x04, alternative)))),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', toSign, privateKey));
  const base64 = sequence(toSign, ECDSA_WITH_SHA256, signature).toString('base64');
  const cert = `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return der(0x30, ...contents);
}

function oid(bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

/** Days from now, as UTCTime. */
function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/^..|[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(text));
}
