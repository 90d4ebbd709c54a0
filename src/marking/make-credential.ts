import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const YEARS = 10;
const DAY_MS = 86_400_000;
/** Clocks of those who check a picture may be slow. */
const EARLIER_MS = DAY_MS;
/** E-mail protection and document signing: what C2PA's certificate profile allows. */
const PURPOSES = ['1.3.6.1.5.5.7.3.4', '1.3.6.1.5.5.7.3.36'];

/**
 * A new key and a certificate for it, valid for ten years. C2PA allows none that is signed with its own key, so an authority
 * is made as well, which signs this one certificate: its key is kept nowhere.
 *
 * @param organisation that both certificates name
 * @returns the key and both certificates as PEM
 */
export async function makeCredential(now: Date, organisation: string): Promise<string> {
  const valid = { notBefore: new Date(now.getTime() - EARLIER_MS), notAfter: later(now) };
  const [authority, own] = await Promise.all([newKeys(), newKeys()]);
  const id = randomBytes(4).toString('hex');
  const issuer = new x509.Name([{ CN: [`authority of wuerst ${id}`] }, { O: [organisation] }]).toString();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...valid,
    serialNumber: serialNumber(),
    name: issuer,
    keys: authority,
    signingAlgorithm: ES256,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...valid,
    serialNumber: serialNumber(),
    subject: new x509.Name([{ CN: [`wuerst ${id}`] }, { O: [organisation] }]).toString(),
    issuer,
    publicKey: own.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: ES256,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(PURPOSES),
      await x509.SubjectKeyIdentifierExtension.create(own.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY');
  return `${[key, leaf.toString('pem'), root.toString('pem')].join('\n')}\n`;
}

function newKeys() {
  return webcrypto.subtle.generateKey(ES256, true, ['sign', 'verify']);
}

function later(now: Date): Date {
  const end = new Date(now);
  end.setUTCFullYear(end.getUTCFullYear() + YEARS);
  return end;
}

/** Positive and of 16 bytes, in hexadecimal digits. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
