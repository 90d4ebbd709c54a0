import { once } from 'node:events';
import { PassThrough, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { modelsCommand } from '../../src/cli/models.ts';
import type { PublishedClassifier } from '../../src/models/classifier/published.ts';
import type { HubOptions } from '../../src/pipeline/hub/hub-options.ts';
import { OperatorError, UserError } from '../../src/system/errors.ts';

export interface Answer {
  readonly out: string;
  readonly err: string;
  readonly exitCode: number | undefined;
  /** What the program would print: `code: message (hint)`. */
  readonly error: string | undefined;
}

export interface CallOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly hub?: HubOptions;
  readonly isTTY?: boolean;
  readonly classifier?: PublishedClassifier;
}

/** `wuerst models …` in this process; errors that a person can't mend are thrown. */
export async function callModels(
  args: readonly string[],
  { env = {}, hub = {}, isTTY = false, classifier }: CallOptions,
) {
  const [out, err] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY })];
  const texts = Promise.all([text(out), text(err)]);
  let exitCode: number | undefined;
  let error: string | undefined;
  const command = modelsCommand({
    env,
    out,
    err,
    hub: { minRetryMs: 1, ...hub },
    classifier,
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  try {
    await command.parseAsync([...args], { from: 'user' });
  } catch (caught) {
    if (!(caught instanceof UserError || caught instanceof OperatorError)) throw caught;
    error = `${caught.code}: ${caught.message} (${caught.hint ?? ''})`;
  } finally {
    await Promise.all([end(out), end(err)]);
  }
  const [said, noted] = await texts;
  return { out: said, err: noted, exitCode, error } satisfies Answer;
}

async function end(stream: Writable): Promise<void> {
  stream.end();
  if (!stream.writableFinished) await once(stream, 'finish');
}
