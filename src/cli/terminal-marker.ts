import { openCredential } from '../marking/credential.ts';
import { type Marker, OwnMarker } from '../marking/marker.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { t } from '../texts/translate.ts';
import type { MarkingSettings } from './marking-settings.ts';

/** What the terminal needs of a marker. */
export type TerminalMarker = Pick<Marker, 'encode'>;

/**
 * The marker of pictures that are painted in the terminal.
 *
 * @param say called with a sentence when pictures cannot be signed
 */
export async function openTerminalMarker(
  { signature, watermark, credential: path }: MarkingSettings,
  say: (problem: string) => void,
): Promise<TerminalMarker> {
  const tell = (error: unknown) => say(t('The pictures are not signed: {reason}', { reason: reasonOf(error) }));
  const opening = signature ? openCredential(path, new Date()) : undefined;
  const credential = await opening?.catch((error: unknown) => {
    tell(error);
    return undefined;
  });
  const marker = new OwnMarker({ signature, credential, watermark, onProblem: tell });
  marker.prepare();
  return marker;
}
