import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { OperatorError, UserError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { makeFolder } from '../system/make-folder.ts';
import { giveToFolderOwner, keepPrivate } from '../system/private-file.ts';
import { t } from '../texts/translate.ts';
import { algorithmOf, type SigningAlgorithm } from './signing-algorithm.ts';

/** What pictures are signed with. */
export interface Credential {
  /** Key and certificates, as they are stored. */
  readonly pem: string;
  readonly key: KeyObject;
  readonly algorithm: SigningAlgorithm;
  /** The key's own certificate, then that of each issuer. */
  readonly chain: readonly X509Certificate[];
  readonly leaf: X509Certificate;
  /** Whether this program made it, so that no authority vouches for the name. */
  readonly isOwn: boolean;
}

/** Issues the certificates that this program makes for itself. */
const OWN_AUTHORITY = 'wuerst (made by the program itself)';

/** Purposes that C2PA's certificate profile allows, by object identifier. */
const PURPOSES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.36': 'documentSigning',
  '1.3.6.1.4.1.62558.2.1': 'c2pa-claimSigning',
};

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PEM_KEY = /-----BEGIN (?:EC |RSA )?PRIVATE KEY-----[^-]+-----END (?:EC |RSA )?PRIVATE KEY-----/;

/**
 * The credential in a file; at the first start, and where its own has expired, a new one is made.
 *
 * @throws OperatorError `credential_unusable`
 */
export async function openCredential(path: string, now: Date): Promise<Credential> {
  try {
    const found = storedCredential(path);
    if (found && !(found.isOwn && hasExpired(found, now))) return found;
    const { makeCredential } = await import('./make-credential.ts');
    const made = await makeCredential(now, OWN_AUTHORITY);
    if (found) store(path, made, 'replace');
    else store(path, made, 'keep');
    // Another process may have made one meanwhile.
    return storedCredential(path) ?? readCredential(made);
  } catch (cause) {
    throw new OperatorError(
      'credential_unusable',
      () => t('Pictures cannot be signed with {path}: {reason}', { path, reason: whyUnusable(path, cause) }),
      {
        hint: () =>
          t('Choose another certificate with "{command}", or delete the file: a new one is made.', {
            command: 'wuerst certificate use',
          }),
        cause,
      },
    );
  }
}

/** Reads it again, for whoever reads the reason. */
function whyUnusable(path: string, cause: unknown): string {
  try {
    storedCredential(path);
  } catch (error) {
    return reasonOf(error);
  }
  return reasonOf(cause);
}

/** `undefined` where there is no file. */
export function storedCredential(path: string): Credential | undefined {
  const pem = readOrNone(path);
  if (pem === undefined) return undefined;
  keepPrivate(path);
  return readCredential(pem);
}

/**
 * Reads a key and the certificates that belong to it, in any order.
 *
 * @param pem of both
 * @throws UserError `signing_key_missing`, `certificate_missing`, `signing_key_unsuitable`, `certificate_of_another_key`,
 *   `certificate_unsuitable`
 */
export function readCredential(pem: string): Credential {
  const key = readKey(pem);
  const certificates = readCertificates(pem);
  const leaf = certificates.find((certificate) => certificate.checkPrivateKey(key));
  if (leaf === undefined) {
    throw new UserError('certificate_of_another_key', t('None of the certificates belongs to the key.'), {
      hint: t('Give the key that the certificate was asked for with.'),
    });
  }
  const chain = chainOf(leaf, certificates);
  const isOwn = leaf.issuer.includes(`O=${OWN_AUTHORITY}`);
  requireProfile(leaf);
  return { pem, key, algorithm: algorithmOf(key), chain, leaf, isOwn };
}

/** Writes a credential in place of the one that is there. */
export function replaceCredential(path: string, { pem }: Pick<Credential, 'pem'>): void {
  store(path, pem, 'replace');
}

export function hasExpired({ leaf }: Pick<Credential, 'leaf'>, now: Date): boolean {
  return Date.parse(leaf.validTo) <= now.getTime();
}

/**
 * Signatures without a time stamp hold as long as the certificate does.
 *
 * @throws UserError `certificate_not_in_force`
 */
export function requireInForce(credential: Pick<Credential, 'leaf'>, now: Date): void {
  const { validFrom, validTo } = credential.leaf;
  const isEarly = Date.parse(validFrom) > now.getTime();
  if (!isEarly && !hasExpired(credential, now)) return;
  const message = isEarly
    ? t('The certificate is valid only from {day} on.', { day: dayOf(validFrom) })
    : t('The certificate has expired on {day}.', { day: dayOf(validTo) });
  throw new UserError('certificate_not_in_force', message, {
    hint: t('Ask its authority for a new one.'),
  });
}

/** `2026-11-29`, of a time as certificates have it. */
export function dayOf(time: string): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The name that pictures are signed with. */
export function signerName({ leaf }: Pick<Credential, 'leaf'>): string {
  return nameIn(leaf.subject, 'CN') ?? nameIn(leaf.subject, 'O') ?? leaf.fingerprint256.slice(0, 23);
}

/** Who vouches for that name. */
export function issuerName({ leaf }: Pick<Credential, 'leaf'>): string {
  return nameIn(leaf.issuer, 'O') ?? nameIn(leaf.issuer, 'CN') ?? leaf.issuer;
}

/** Of a distinguished name as Node writes it: one part a line. */
function nameIn(distinguishedName: string, part: 'CN' | 'O'): string | undefined {
  return distinguishedName
    .split('\n')
    .find((line) => line.startsWith(`${part}=`))
    ?.slice(part.length + 1);
}

function readKey(pem: string): KeyObject {
  const [text] = PEM_KEY.exec(pem) ?? [];
  if (text === undefined) {
    const isLocked = pem.includes('BEGIN ENCRYPTED PRIVATE KEY') || pem.includes('Proc-Type: 4,ENCRYPTED');
    const message = isLocked
      ? t('Expected a private key in PEM form, got one that is locked with a password.')
      : t('Expected a private key in PEM form, got none.');
    throw new UserError('signing_key_missing', message, {
      hint: isLocked
        ? t('Unlock it: {command}', { command: 'openssl pkey -in key.pem -out unlocked.pem' })
        : t('It begins with -----BEGIN PRIVATE KEY-----.'),
    });
  }
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new UserError('signing_key_missing', t('Expected a private key in PEM form, got a damaged one.'), { cause });
  }
}

function readCertificates(pem: string): readonly X509Certificate[] {
  const texts = pem.match(PEM_CERTIFICATE) ?? [];
  if (texts.length === 0) {
    throw new UserError('certificate_missing', t('Expected certificates in PEM form, got none.'), {
      hint: t('They begin with -----BEGIN CERTIFICATE-----.'),
    });
  }
  try {
    return texts.map((text) => new X509Certificate(text));
  } catch (cause) {
    throw new UserError('certificate_missing', t('Expected certificates in PEM form, got a damaged one.'), { cause });
  }
}

/** From a certificate up, as far as the given ones lead. */
function chainOf(leaf: X509Certificate, certificates: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain = [leaf];
  for (let last = leaf; ; ) {
    const issuer = certificates.find((other) => !chain.includes(other) && last.checkIssued(other));
    if (issuer === undefined) return chain;
    chain.push(issuer);
    last = issuer;
  }
}

/** What programs that read Content Credentials demand; they call anything else invalid, not only untrusted. */
function requireProfile(leaf: X509Certificate): void {
  const purposes = leaf.keyUsage ?? [];
  if (!leaf.ca && leaf.subject !== leaf.issuer && purposes.some((purpose) => Object.hasOwn(PURPOSES, purpose))) return;
  throw new UserError('certificate_unsuitable', unsuitable(leaf), {
    hint: t('C2PA allows those that an authority issued for {purposes}.', {
      purposes: Object.values(PURPOSES).join(', '),
    }),
  });
}

function unsuitable({ ca, subject, issuer, keyUsage: purposes = [] }: X509Certificate): string {
  if (ca) return t('The certificate cannot sign pictures: it is the certificate of an authority.');
  if (subject === issuer) return t('The certificate cannot sign pictures: it is signed with its own key.');
  if (purposes.length === 0) return t('The certificate cannot sign pictures: it is for no purpose that it names.');
  return t('The certificate cannot sign pictures: it is for the purposes {purposes}.', {
    purposes: purposes.join(', '),
  });
}

/** Whole or not at all, and only for its owner. */
function store(path: string, pem: string, mode: 'keep' | 'replace'): void {
  makeFolder(dirname(path), 0o700);
  const part = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    const file = openSync(part, 'wx', 0o600);
    try {
      // Whatever the umask.
      fchmodSync(file, 0o600);
      giveToFolderOwner(file, path);
      writeSync(file, pem);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (mode === 'replace') renameSync(part, path);
    else linkUnlessThere(part, path);
  } finally {
    rmSync(part, { force: true });
  }
}

function linkUnlessThere(part: string, path: string): void {
  try {
    linkSync(part, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'EEXIST') return;
    // Some file systems have no links.
    renameSync(part, path);
  }
}

function readOrNone(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
