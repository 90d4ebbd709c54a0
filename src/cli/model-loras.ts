import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { modelInUse } from '../models/model-folder.ts';
import { Component } from '../pipeline/checkpoint/checkpoint.ts';
import { partOf, wholeModel } from '../pipeline/checkpoint/layout.ts';
import { stageCFolder } from '../pipeline/derived-weights/styles.ts';
import type { Hub } from '../pipeline/hub/hub.ts';
import { pullLora } from '../pipeline/hub/pull-lora.ts';
import { readLoraFile } from '../pipeline/lora/lora-file.ts';
import type { LoraFolder, ShelvedLora } from '../pipeline/lora/lora-folder.ts';
import { byteSize } from '../system/byte-size.ts';
import { OperatorError, UserError } from '../system/errors.ts';
import { onStopSignal } from '../system/stop-signals.ts';
import { t } from '../texts/translate.ts';
import { columns } from './columns.ts';
import type { PullProgress } from './pull-progress.ts';

/** `wuerst models list --lora` */
export function loraLines(dir: string, all: readonly ShelvedLora[]): string[] {
  if (all.length === 0) return [t('There are no LoRAs in {folder}', { folder: dir })];
  return [
    t('LoRAs in {folder}:', { folder: dir }),
    ...columns(all.map(({ name, bytes }) => [`  ${name}`, byteSize(bytes)])),
  ];
}

export interface PullLoraSurroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly hub: Hub;
  readonly progress: PullProgress;
  readonly say: (line: string) => void;
}

/** `wuerst models pull --lora <from>` */
export async function pullLoraFile(
  from: string,
  folder: LoraFolder,
  revision: string | undefined,
  { env, hub, progress, say }: PullLoraSurroundings,
): Promise<void> {
  const stop = new AbortController();
  const leave = onStopSignal(() =>
    stop.abort(new UserError('stopped', t('Stopped.'), { hint: t('Run the same command again to go on from here.') })),
  );
  try {
    const pulling = pullLora({ from, folder: folder.dir, hub, revision, signal: stop.signal });
    for (;;) {
      const { done, value } = await pulling.next();
      if (!done) {
        progress.show(value);
        continue;
      }
      progress.stop();
      const name = basename(value, '.safetensors');
      const misfit = await misfitWith(env, value);
      say(t('The LoRA {name} is in {folder}', { name, folder: folder.dir }));
      if (misfit !== undefined) say(t('It cannot be used with the model in use: {reason}', { reason: misfit }));
      else say(t('To use it, write {tag} in a prompt.', { tag: `<lora:${name}:0.8>` }));
      return;
    }
  } finally {
    leave();
    progress.stop();
    await hub.close();
  }
}

/** Why a LoRA is of no use with the model in use, in a sentence. */
async function misfitWith(env: NodeJS.ProcessEnv, path: string): Promise<string | undefined> {
  try {
    const dir = modelInUse(env);
    const [prior, text] = [await stageCFolder(dir, 'interpolated'), partOf(wholeModel(dir).prior, 'text_encoder')];
    const [{ layers }, { layers: words }] = [await Component.open(prior), await Component.open(text)];
    await readLoraFile(path, { prior: layers, text_encoder: words });
    return undefined;
  } catch (error) {
    // Without a model there is nothing to compare it with; painting says what is wrong then.
    if (error instanceof OperatorError) return undefined;
    if (error instanceof UserError) return error.code === 'lora_refused' ? error.message : undefined;
    throw error;
  }
}

/** `wuerst models remove --lora <name>` */
export async function removeLora(folder: LoraFolder, typed: string, yes: boolean): Promise<string> {
  const { name, path, bytes } = await folder.find(typed);
  if (!yes) {
    throw new UserError('not_confirmed', t('This would delete {path}, {size}.', { path, size: byteSize(bytes) }), {
      hint: t('To delete it: {command}', { command: `wuerst models remove --lora ${name} --yes` }),
    });
  }
  await rm(path);
  return t('The LoRA {name} was deleted; {size} are free again.', { name, size: byteSize(bytes) });
}
