import { existsSync } from 'node:fs';
import { nearest } from '../bot/command/edit-distance.ts';
import { modelInUse, modelsFolder } from '../models/model-folder.ts';
import { UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';
import { withOption } from './own-command.ts';

/** @returns the folder of the model that is given or in use @throws UserError `unknown_model` for one that is not on this disk */
export async function existingModel(env: NodeJS.ProcessEnv, given: string | undefined): Promise<string> {
  const dir = modelInUse(env, given);
  if (given === undefined || existsSync(dir)) return dir;
  const { listModels, findModel } = await import('../models/store.ts');
  const folder = modelsFolder(env);
  const models = await listModels(folder);
  const names = models.map(({ name }) => name);
  const entries = await Promise.all(
    models.filter(({ source }) => source !== 'own').map(({ name }) => findModel(folder, name)),
  );
  const holder = entries.find(
    ({ name, repositories }) => name === given || repositories.some(({ repo }) => repo === given),
  );
  const meant = holder?.name ?? nearest(given.toLowerCase(), names, 2) ?? 'cocktail';
  const model = models.find(({ name }) => name === meant);
  const command = withOption('--model', meant);
  const hint =
    model === undefined || model.state === 'absent'
      ? t('Run "{pull}". Then try: {command}', { pull: `wuerst models pull ${meant}`, command })
      : t('Try: {command}', { command });
  throw new UserError(
    'unknown_model',
    t('Expected --model to be a folder, or one of {names}, got "{given}".', { names: names.join(', '), given }),
    { hint },
  );
}
