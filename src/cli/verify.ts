import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { storedCredential } from '../marking/credential.ts';
import { sentencesOf, type Verdict } from '../marking/verdict.ts';
import { verify } from '../marking/verifier.ts';
import { UserError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { printable, printableJson, printableLine } from '../system/printable.ts';
import { currentLanguage, inLanguage } from '../texts/language.ts';
import { t } from '../texts/translate.ts';
import { markingSettings } from './marking-settings.ts';
import { pictureContent } from './picture-content.ts';

interface Options {
  readonly json?: boolean;
  readonly trust?: readonly string[];
}

/** Of the process: the gravest of all files counts. */
const EXIT_CODES = { unchanged: 0, none: 3, changed: 1, invalid: 1, unreadable: 1 } as const;
const EXIT_UNREAD = 2;
const BY_GRAVITY = [EXIT_UNREAD, 1, 3, 0];

export function verifyCommand(): Command {
  return new Command('verify')
    .description(t('say who signed pictures, whether they were changed since, and what they say of their origin'))
    .argument('<files...>', t('PNG, WebP or JPEG files, of any program; - is the standard input'))
    .option(
      '--trust <file>',
      t('PEM file of certificates whose signatures count as trusted; may be repeated'),
      collected,
    )
    .option('--json', t('print one JSON object a file'))
    .addHelpText(
      'after',
      `\n${t('Exit code: 0 where all are signed and unchanged, 1 where one was changed or its signed statement does not hold, 3 where one is not signed, 2 where one cannot be read.')}`,
    )
    .action(async (paths: readonly string[], { json = false, trust = [] }: Options) => {
      const trusted = await trustedCertificates(trust);
      const codes: number[] = [];
      // Programs read English.
      const language = json ? 'en' : currentLanguage();
      for (const [i, path] of paths.entries()) {
        try {
          const verdict = await inLanguage(language, async () => verify({ file: await pictureContent(path), trusted }));
          codes.push(EXIT_CODES[verdict.signature]);
          if (json) process.stdout.write(`${printableJson({ file: path, ...verdict })}\n`);
          else process.stdout.write(`${i > 0 ? '\n' : ''}${described(path, verdict).join('\n')}\n`);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          codes.push(EXIT_UNREAD);
          if (json) {
            const { code, message } = error;
            process.stdout.write(`${printableJson({ file: path, error: { code, message } })}\n`);
          }
          process.stderr.write(`wuerst: ${printableLine(`${path}: ${error.message}`)}\n`);
        }
      }
      process.exitCode = BY_GRAVITY.find((code) => codes.includes(code)) ?? 0;
    });
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Those of this installation, and those that were named. */
async function trustedCertificates(paths: readonly string[]): Promise<string | undefined> {
  const own = ownCertificate();
  const named = await Promise.all(paths.map(certificatesIn));
  const all = [...(own === undefined ? [] : [own]), ...named];
  return all.length > 0 ? all.join('\n') : undefined;
}

/** A key that cannot be used keeps nobody from looking at a picture. */
function ownCertificate(): string | undefined {
  try {
    return storedCredential(markingSettings(process.env).credential)?.chain.at(-1)?.toString();
  } catch {
    return undefined;
  }
}

async function certificatesIn(path: string): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (cause) {
    throw new UserError('file_unreadable', t('Cannot read {path}: {reason}.', { path, reason: reasonOf(cause) }), {
      cause,
    });
  }
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (certificates !== null) return certificates.join('\n');
  throw new UserError('certificate_missing', t('Expected certificates in PEM form in {path}, got none.', { path }), {
    hint: t('They begin with -----BEGIN CERTIFICATE-----.'),
  });
}

function described(path: string, verdict: Verdict): readonly string[] {
  const { program, parameters } = verdict;
  return [
    `${printableLine(path)}:`,
    ...sentencesOf(verdict).map((sentence) => `  ${printableLine(sentence)}`),
    ...(program === undefined ? [] : [`  ${t('Signed with {program}.', { program: printableLine(program) })}`]),
    ...(parameters === undefined
      ? []
      : printable(parameters)
          .split('\n')
          .map((line) => `  | ${line}`)),
  ];
}
