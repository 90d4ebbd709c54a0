import { ownTexts } from '../pipeline/images/image-file.ts';
import { pictureTexts } from '../pipeline/images/picture-texts.ts';
import { t } from '../texts/translate.ts';
import { type Manifests, readManifests } from './read-manifests.ts';

/**
 * What a signature says of the file: there is none, nothing was changed since, something was, or the certificate cannot be
 * relied on, or the signature cannot be read.
 */
export type SignatureState = 'none' | 'unchanged' | 'changed' | 'invalid' | 'unreadable';

export interface Verdict {
  readonly signature: SignatureState;
  /** The name in the certificate. Whoever made it chose it, unless `trust` says otherwise. */
  readonly signer?: string | undefined;
  readonly issuer?: string | undefined;
  /** Whether the certificate leads to one that is trusted here. */
  readonly trusted: boolean;
  /** What wrote the statement, with its version. */
  readonly program?: string | undefined;
  /** Whether the file says that a model made it, in the statement or in XMP. */
  readonly madeByModel: boolean;
  /** Whether the watermark of this program is in its pixels. `undefined` where it was not looked for. */
  readonly watermark?: boolean | undefined;
  /** The parameters that it was made with, as text. */
  readonly parameters?: string | undefined;
  /** What speaks against the signature, as C2PA names it. */
  readonly problems: readonly string[];
}

/** IPTC's terms for what a model made wholly or in part. */
const BY_MODELS =
  /^https?:\/\/cv\.iptc\.org\/newscodes\/digitalsourcetype\/(?:composite(?:With)?T|t)rainedAlgorithmicMedia$/i;
const XMP_SOURCE = /:DigitalSourceType\b[^<]{0,40}?(https?:[^"'<\s]{1,200})/;
/** A self-made certificate is no fault. */
const UNTRUSTED = 'signingCredential.untrusted';
const CHANGED = /\.mismatch$/;

/**
 * What a PNG, JPEG or WebP file says of its origin, and whether that holds.
 *
 * @param trusted certificates as PEM
 * @throws UserError `not_an_image`
 */
export async function verdictOf(file: Buffer, trusted?: string): Promise<Verdict> {
  const { texts } = pictureTexts(file);
  const own = ownTexts(texts);
  const source = XMP_SOURCE.exec(file.toString('latin1'))?.[1];
  const said = {
    madeByModel: source !== undefined && BY_MODELS.test(source),
    parameters: own.parameters ?? own.UserComment,
  };
  let found: Manifests | undefined;
  try {
    found = await readManifests(file, typeOf(file), trusted);
  } catch (error) {
    return { ...said, signature: 'unreadable', trusted: false, problems: [(error as Error).message] };
  }
  if (found === undefined) return { ...said, signature: 'none', trusted: false, problems: [] };
  return { ...said, ...statement(found, said.madeByModel) };
}

function statement(found: Manifests, saidInXmp: boolean) {
  const manifest = found.manifests[found.active_manifest ?? ''];
  const problems = found.validation_status.map(({ code }) => code).filter((code) => code !== UNTRUSTED);
  const sources = manifest?.assertions.flatMap(({ data }) => data.actions ?? []) ?? [];
  const [program] = manifest?.claim_generator_info ?? [];
  return {
    signature: stateOf(found, problems),
    signer: manifest?.signature_info?.common_name ?? manifest?.signature_info?.issuer,
    issuer: manifest?.signature_info?.issuer,
    trusted: found.validation_state === 'Trusted',
    program: program && [program.name, program.version].filter(Boolean).join(' '),
    madeByModel: saidInXmp || sources.some(({ digitalSourceType = '' }) => BY_MODELS.test(digitalSourceType)),
    problems,
  };
}

function stateOf({ validation_state: state }: Manifests, problems: readonly string[]): SignatureState {
  if (state !== 'Invalid' && problems.length === 0) return 'unchanged';
  return problems.some((code) => CHANGED.test(code)) ? 'changed' : 'invalid';
}

function typeOf(file: Buffer): string {
  if (file[0] === 0x89) return 'image/png';
  return file[0] === 0xff ? 'image/jpeg' : 'image/webp';
}

/** Sentences about the signature, what the file says it is, and the watermark that was found. */
export function sentencesOf({
  signature,
  signer,
  trusted,
  madeByModel,
  watermark,
  problems,
}: Verdict): readonly string[] {
  const name = signer ?? t('somebody without a name');
  const second = madeByModel
    ? t('It says that a model made it.')
    : t('It does not say that a model made it, which proves nothing.');
  const third = watermark ? [t('The watermark of this program is in its pixels.')] : [];
  return [signatureSentence(signature, name, trusted, problems), second, ...third];
}

function signatureSentence(
  signature: SignatureState,
  name: string,
  trusted: boolean,
  problems: readonly string[],
): string {
  switch (signature) {
    case 'none':
      return t('It is not signed, or its signature was removed.');
    case 'unchanged':
      return trusted
        ? t('It has not been changed since it was signed by {name}.', { name })
        : t(
            'It has not been changed since it was signed by {name}, untrusted: no authority that is known here vouches for the name.',
            { name },
          );
    case 'changed':
      return t('It has been CHANGED since it was signed by {name}.', { name });
    case 'invalid':
      return t('Its signature by {name} does not count: {problems}.', { name, problems: problems.join(', ') });
    case 'unreadable':
      return t('Its signature cannot be read: the file is damaged, or the statement is kept elsewhere.');
  }
}
