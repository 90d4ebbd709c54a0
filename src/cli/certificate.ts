import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import {
  type Credential,
  dayOf,
  issuerName,
  openCredential,
  readCredential,
  replaceCredential,
  requireInForce,
  signerName,
} from '../marking/credential.ts';
import { UserError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { printable, printableJson } from '../system/printable.ts';
import { t } from '../texts/translate.ts';
import { columns } from './columns.ts';
import { dataOption } from './compute-options.ts';
import { markingSettings } from './marking-settings.ts';
import { recordChange } from './record-change.ts';

interface Options {
  readonly data?: string;
}

export function certificateCommand(): Command {
  const command = new Command('certificate').description(t('show or choose what pictures are signed with'));
  command
    .command('show')
    .description(t('who signs pictures here, until when, and the certificate that others can trust'))
    .addOption(dataOption())
    .option('--json', t('print one JSON object'))
    .action(async ({ json, ...options }: Options & { readonly json?: boolean }) => {
      const { credential: path } = settingsOf(options);
      const credential = await openCredential(path, new Date());
      process.stdout.write(`${json ? printableJson(factsOf(credential, path)) : described(credential, path)}\n`);
    });
  command
    .command('use')
    .description(t('sign with a certificate of an authority from now on; a running bot does from its next start'))
    .argument('<chain>', t("PEM file of the certificate and its issuers', with the key or without"))
    .option('--key <file>', t('PEM file of the private key'))
    .addOption(dataOption())
    .action(async (chain: string, { key, ...options }: Options & { readonly key?: string }) => {
      const { credential: path } = settingsOf(options);
      const files = [chain, ...(key === undefined ? [] : [key])];
      const credential = readCredential((await Promise.all(files.map(contentOf))).join('\n'));
      requireInForce(credential, new Date());
      replaceCredential(path, credential);
      await recordChange({ action: 'sign', target: signerName(credential), detail: null }, options.data);
      process.stdout.write(`${described(credential, path)}\n`);
    });
  return command;
}

function settingsOf({ data }: Options) {
  return markingSettings({ ...process.env, ...(data === undefined ? {} : { WUERST_DATA: data }) });
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const file = resolve(path);
    const message = missing
      ? t('Cannot read {path}: there is no such file.', { path: file })
      : t('Cannot read {path}: {reason}.', { path: file, reason: reasonOf(cause) });
    throw new UserError('file_unreadable', message, { cause });
  }
}

function factsOf({ leaf, algorithm, isOwn, chain }: Credential, file: string) {
  return {
    signer: signerName({ leaf }),
    issuer: issuerName({ leaf }),
    trusted: isOwn ? 'no: made by the program itself' : 'by those who trust its authority',
    algorithm: algorithm.name,
    validFrom: dayOf(leaf.validFrom),
    validTo: dayOf(leaf.validTo),
    fingerprint: leaf.fingerprint256,
    file,
    authority: String(chain.at(-1) ?? leaf),
  };
}

function described(credential: Credential, path: string): string {
  const facts = factsOf(credential, path);
  const rows = [
    [t('Signer'), printable(facts.signer)],
    [t('Issued by'), printable(facts.issuer)],
    [t('Trusted'), credential.isOwn ? t('no: made by the program itself') : t('by those who trust its authority')],
    [t('Valid'), t('{from} to {to}', { from: facts.validFrom, to: facts.validTo })],
    [t('Algorithm'), facts.algorithm],
    [t('Fingerprint'), facts.fingerprint],
    [t('File'), printable(path)],
  ];
  return [
    ...columns(rows),
    '',
    t('Whoever trusts this certificate trusts the signatures:'),
    facts.authority.trim(),
  ].join('\n');
}
