import { isIntact, readInstalled } from '../models/classifier/installed.ts';
import { PUBLISHED_CLASSIFIER, type PublishedClassifier } from '../models/classifier/published.ts';
import { pullClassifier } from '../models/classifier/pull-classifier.ts';
import type { Registry } from '../models/classifier/registry.ts';
import { nameOf, removeClassifier, required } from '../models/classifier/shelf.ts';
import { byteSize } from '../system/byte-size.ts';
import { UserError } from '../system/errors.ts';
import { onStopSignal } from '../system/stop-signals.ts';
import { t } from '../texts/translate.ts';
import type { PullProgress } from './pull-progress.ts';

const PULL = 'wuerst models pull safety';

/** `wuerst models list`: what finds pictures that are not safe for work, where it is installed. */
export async function safetyLine(folder: string): Promise<string | undefined> {
  const found = await readInstalled(folder);
  if (found === undefined) return undefined;
  const { license, bytes } = found;
  const values = { name: nameOf(found), license, size: byteSize(bytes) };
  return (await isIntact(found))
    ? t('Picture classifier: {name} ({license}), {size}', values)
    : t('Picture classifier: {name} ({license}), {size}, damaged', values);
}

export interface PullSafetySurroundings {
  readonly registry: Registry;
  readonly published?: PublishedClassifier | undefined;
  readonly progress: PullProgress;
  readonly say: (line: string) => void;
}

/** `wuerst models pull safety` */
export async function pullSafety(
  folder: string,
  from: string | undefined,
  { registry, published = PUBLISHED_CLASSIFIER, progress, say }: PullSafetySurroundings,
): Promise<void> {
  const stop = new AbortController();
  const leave = onStopSignal(() =>
    stop.abort(new UserError('stopped', t('Stopped.'), { hint: t('Run the same command again to go on from here.') })),
  );
  try {
    const pulling = pullClassifier({ published, folder, registry, from, signal: stop.signal });
    for await (const event of pulling) progress.show(event);
  } finally {
    leave();
    progress.stop();
    await registry.close();
  }
  say(t('The picture classifier is in {folder}', { folder }));
  say(
    t('Bot and workers have it from their next start on. Where it acts is a setting: {command}', {
      command: '/wuerst settings nsfw-pictures:blur',
    }),
  );
}

/** `wuerst models verify safety` @returns whether it is as it was written */
export async function verifySafety(folder: string, say: (line: string) => void): Promise<boolean> {
  const found = required(await readInstalled(folder));
  const { package: name, version, source, license } = found;
  const intact = await isIntact(found);
  say(
    intact
      ? t('The picture classifier is complete: {name}.', { name: nameOf(found) })
      : t('The picture classifier is damaged. Run: {command}', { command: PULL }),
  );
  if (intact)
    say(t('It was taken from the package {name} {version} ({license}), {source}', { name, version, license, source }));
  return intact;
}

/** `wuerst models remove safety` */
export async function removeSafety(folder: string, yes: boolean): Promise<string> {
  const { bytes } = required(await readInstalled(folder));
  if (!yes) {
    throw new UserError('not_confirmed', t('This would delete {folder}, {size}.', { folder, size: byteSize(bytes) }), {
      hint: t('Then no picture is looked at any more. To delete it: {command}', {
        command: 'wuerst models remove safety --yes',
      }),
    });
  }
  await removeClassifier(folder);
  return t('The picture classifier was deleted; {size} are free again.', { size: byteSize(bytes) });
}
