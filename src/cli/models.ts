import { Argument, Command } from 'commander';
import type { PublishedClassifier } from '../models/classifier/published.ts';
import { Registry, registryOptionsFrom } from '../models/classifier/registry.ts';
import {
  goesWithPackage,
  lorasFolder,
  modelsFolder,
  readCurrentModel,
  SAFETY,
  safetyFolder,
} from '../models/model-folder.ts';
import {
  checkRemovable,
  findModel,
  folderOf,
  listModels,
  type ModelStatus,
  type Removable,
  removeModel,
  STYLES,
  useModel,
} from '../models/store.ts';
import { type VerifyFinding, verifyModel } from '../models/verify.ts';
import { VARIANTS } from '../pipeline/checkpoint/weight-files.ts';
import { Hub } from '../pipeline/hub/hub.ts';
import { type HubOptions, hubOptionsFrom } from '../pipeline/hub/hub-options.ts';
import { pullModel } from '../pipeline/hub/pull.ts';
import { LoraFolder } from '../pipeline/lora/lora-folder.ts';
import { byteSize } from '../system/byte-size.ts';
import { displayWidth, paddedEnd } from '../system/display-width.ts';
import { UserError } from '../system/errors.ts';
import { plainEndpointWarning } from '../system/plain-endpoint.ts';
import { printableJson, printableLine } from '../system/printable.ts';
import { onStopSignal } from '../system/stop-signals.ts';
import { t, translatable } from '../texts/translate.ts';
import { columns } from './columns.ts';
import { choiceOption } from './compute-options.ts';
import { loraLines, pullLoraFile, removeLora } from './model-loras.ts';
import { pullSafety, removeSafety, safetyLine, verifySafety } from './model-safety.ts';
import { MODEL_STATES } from './model-states.ts';
import { type ProgressStream, type PullProgress, pullProgress } from './pull-progress.ts';
import { recordChange } from './record-change.ts';

interface PullOptions {
  readonly style: readonly string[];
  readonly variant?: string;
  readonly pictures?: boolean;
  readonly revision?: string;
  readonly lora?: string;
  readonly from?: string;
}

export interface ModelsSurroundings {
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** Results. @default process.stdout */
  readonly out?: NodeJS.WritableStream;
  /** Progress and warnings. @default process.stderr */
  readonly err?: ProgressStream;
  /** Overrides the hub options of the environment. */
  readonly hub?: HubOptions;
  /** @default the one that is published */
  readonly classifier?: PublishedClassifier | undefined;
  readonly setExitCode?: (code: number) => void;
}

/**
 * `wuerst models list | pull | verify | remove | use`. Errors are thrown as UserError and OperatorError, for the
 * program to print.
 */
export function modelsCommand(surroundings: ModelsSurroundings = {}): Command {
  const { env = process.env, out = process.stdout, err = process.stderr, hub: extra = {} } = surroundings;
  const { setExitCode = exitLater, classifier: published } = surroundings;
  const modelsDir = modelsFolder(env);
  const loras = new LoraFolder(lorasFolder(env));
  const safety = safetyFolder(env);
  const record = (action: 'pull-model' | 'use-model' | 'remove-model', target: string) =>
    recordChange({ action, target, detail: null }, env.WUERST_DATA);
  const say = (line: string) => void out.write(`${printableLine(line)}\n`);
  const note = (line: string) => void err.write(`${printableLine(line)}\n`);
  const openHub = (progress: PullProgress) => {
    const options = { ...hubOptionsFrom(env), ...extra };
    const warning = options.token && plainEndpointWarning('HF_ENDPOINT', options.endpoint, 'HF_TOKEN');
    if (warning) note(warning);
    return new Hub({ onRetry: (reason) => progress.note(t('{reason} Trying again.', { reason })), ...options });
  };

  const openRegistry = (progress: PullProgress) =>
    new Registry({
      onRetry: (reason) => progress.note(t('{reason} Trying again.', { reason })),
      ...extra,
      ...registryOptionsFrom(env),
    });

  const list = new Command('list')
    .description(t('show the models and LoRAs: which are here, how large, which is in use'))
    .option('--lora', t('show the LoRAs alone'))
    .option('--json', t('print every field, for programs'))
    .action(async ({ json, lora }: { json?: boolean; lora?: boolean }) => {
      const shelved = await loras.list();
      if (lora && json) return void out.write(`${printableJson(shelved, 2)}\n`);
      if (lora) return loraLines(loras.dir, shelved).forEach(say);
      const models = await listModels(modelsDir);
      if (json) return void out.write(`${printableJson(models, 2)}\n`);
      for (const line of table(models)) say(line);
      if (shelved.length > 0) for (const line of ['', ...loraLines(loras.dir, shelved)]) say(line);
      const classifier = await safetyLine(safety);
      if (classifier !== undefined) for (const line of ['', classifier]) say(line);
      if (env.WUERST_MODEL) note(t('WUERST_MODEL is set and takes precedence: {model}', { model: env.WUERST_MODEL }));
    });

  const pull = new Command('pull')
    .description(t('fetch a model from the Hugging Face hub; run again to go on after a cut'))
    .argument(
      '[model]',
      t('name of the model, or {safety}: what finds pictures that are not safe for work', { safety: SAFETY }),
      'wuerstchen-v2',
    )
    .addOption(
      choiceOption('--style <styles...>', t('Stage C checkpoints to fetch'), [...STYLES, 'all']).default([
        'interpolated',
      ]),
    )
    .addOption(
      choiceOption(
        '--variant <precision>',
        t('precision of the weights, where the hub has it'),
        VARIANTS.filter(Boolean),
      ),
    )
    .option('--pictures', t('also fetch what it takes to start from pictures'))
    .option('--revision <revision>', t('branch, tag or commit of every repository'))
    .option('--lora <repository>', t('instead of a model: a LoRA, owner/name or owner/name/file.safetensors'))
    .option(
      '--from <file>',
      t('for {safety}: the package as npm packs it, a .tgz file or a folder', { safety: SAFETY }),
    )
    .addHelpText(
      'after',
      `\n${t('HF_ENDPOINT, HF_TOKEN, HTTPS_PROXY, HTTP_PROXY and NO_PROXY are read, for {safety} npm_config_registry; WUERST_MODELS is the folder.', { safety: SAFETY })}`,
    )
    .action(async (name: string, options: PullOptions) => {
      const progress = pullProgress(err);
      if (goesWithPackage(modelsDir)) {
        note(
          t(
            '{folder} is part of the package, and goes when that is upgraded. WUERST_MODELS names a folder that stays.',
            {
              folder: modelsDir,
            },
          ),
        );
      }
      if (name === SAFETY) {
        await record('pull-model', SAFETY);
        const surroundings = { registry: openRegistry(progress), published, progress, say };
        return pullSafety(safety, options.from, surroundings);
      }
      if (options.from !== undefined) {
        throw new UserError('from_misplaced', t('--from goes with {safety} alone.', { safety: SAFETY }), {
          hint: t('For example: {command}', { command: `wuerst models pull ${SAFETY} --from nsfwjs-4.3.0.tgz` }),
        });
      }
      if (options.lora !== undefined) {
        await record('pull-model', options.lora);
        return pullLoraFile(options.lora, loras, options.revision, { env, hub: openHub(progress), progress, say });
      }
      const model = await findModel(modelsDir, name);
      if (model.embedded) {
        throw new UserError(
          'model_embedded',
          t('The model {name} comes with wuerst: there is nothing to fetch.', { name }),
          {
            hint: t('For example: {command}', { command: 'wuerst models pull wuerstchen-v2' }),
          },
        );
      }
      await record('pull-model', name);
      const folder = folderOf(modelsDir, model);
      const hub = openHub(progress);
      const styles = options.style.includes('all') ? STYLES : STYLES.filter((style) => options.style.includes(style));
      const { variant, revision, pictures: imageEncoder } = options;
      const stop = new AbortController();
      const interrupt = () =>
        stop.abort(
          new UserError('stopped', t('Stopped.'), { hint: t('Run the same command again to go on from here.') }),
        );
      const leave = onStopSignal(interrupt);
      try {
        const pulling = pullModel({ model, folder, hub, styles, imageEncoder, variant, revision, signal: stop.signal });
        for await (const event of pulling) progress.show(event);
      } finally {
        leave();
        progress.stop();
        await hub.close();
      }
      say(t('{name} is complete in {folder}', { name, folder }));
      if (readCurrentModel(modelsDir) !== name)
        say(t('To use it: {command}', { command: `wuerst models use ${name}` }));
    });

  const verify = new Command('verify')
    .description(t('read every file of a model again and compare it with what the hub listed'))
    .argument('[model]', t('name of the model; the one in use when left out'))
    .action(async (given: string | undefined) => {
      const name = given ?? readCurrentModel(modelsDir);
      if (name === SAFETY) {
        if (!(await verifySafety(safety, say))) setExitCode(1);
        return;
      }
      const status = (await listModels(modelsDir)).find((model) => model.name === name);
      const model = status && status.source !== 'own' ? await findModel(modelsDir, name) : undefined;
      if (!status) await findModel(modelsDir, name);
      else await printFindings(status, model);
    });

  const printFindings = async (
    { name, folder, state }: ModelStatus,
    model: Awaited<ReturnType<typeof findModel>> | undefined,
  ) => {
    if (state === 'absent') {
      throw new UserError('model_absent', t('The model {name} is not on this disk.', { name }), {
        hint: t('Run: {command}', { command: `wuerst models pull ${name}` }),
      });
    }
    let bad = 0;
    let unlisted = 0;
    const widest = Math.max(LEAST_WIDTH, ...Object.values(FINDINGS).map((text) => displayWidth(t(text))));
    for await (const { path, state: found, detail } of verifyModel({ folder, model })) {
      const state = paddedEnd(t(FINDINGS[found]), widest);
      say(detail === undefined ? `${state}  ${path}` : `${state}  ${path}: ${detail}`);
      if (found === 'unlisted') unlisted++;
      else if (found !== 'ok') bad++;
    }
    if (unlisted > 0)
      say(
        t(
          '{count} weight is readable, but no lock file says what its bytes should be. | {count} weights are readable, but no lock file says what their bytes should be.',
          { count: unlisted },
        ),
      );
    if (bad === 0) return say(t('{name} is complete.', { name }));
    setExitCode(1);
    const count = t('{name} has {count} bad file. | {name} has {count} bad files.', { name, count: bad });
    say(`${count} ${mending(model, name)}`);
  };

  const remove = new Command('remove')
    .description(t('delete a fetched model, or a LoRA, from this disk'))
    .argument('[model]', t('name of the model'))
    .option('--lora <name>', t('instead of a model: a LoRA'))
    .option('--yes', t('really delete it'))
    .action(async (name: string | undefined, { yes, lora }: { yes?: boolean; lora?: string }) => {
      if (name === SAFETY && lora === undefined) {
        say(await removeSafety(safety, yes ?? false));
        return record('remove-model', SAFETY);
      }
      const isModel = async () => (await listModels(modelsDir)).some((model) => model.name === name);
      const shelved = lora ?? (name !== undefined && (await loras.has(name)) && !(await isModel()) ? name : undefined);
      if (shelved !== undefined) {
        say(await removeLora(loras, shelved, yes ?? false));
        return record('remove-model', shelved);
      }
      if (name === undefined)
        throw new UserError('model_missing', t('Expected the name of a model, got none.'), {
          hint: t('See: {command}', { command: 'wuerst models list' }),
        });
      const status = await checkRemovable(modelsDir, name);
      if (!yes) {
        throw new UserError('not_confirmed', wouldDelete(status), {
          hint: t('To delete it: {command}', { command: `wuerst models remove ${name} --yes` }),
        });
      }
      await removeModel(modelsDir, name);
      say(deleted(name, status));
      await record('remove-model', name);
    });

  const use = new Command('use')
    .description(t('choose the model that wuerst paints with, from its next start on'))
    .addArgument(new Argument('<model>', t('name of the model')))
    .action(async (name: string) => {
      const { folder } = await useModel(modelsDir, name);
      await record('use-model', name);
      say(t('{name} is in use from the next start on.', { name }));
      if (env.WUERST_MODEL)
        note(t('WUERST_MODEL is set and takes precedence: unset it, or set it to {folder}', { folder }));
    });

  return new Command('models')
    .description(t('fetch, check and choose the checkpoints'))
    .addCommand(list)
    .addCommand(pull)
    .addCommand(verify)
    .addCommand(remove)
    .addCommand(use);
}

function exitLater(code: number): void {
  process.exitCode = code;
}

function table(models: readonly ModelStatus[]): string[] {
  const rows = models.map(({ inUse, name, state, missing, bytes, styles, license, purpose }) => [
    `${inUse ? '*' : ' '} ${printableLine(name)}`,
    stateOf(state, missing.length),
    bytes > 0 ? byteSize(bytes) : '-',
    styles.join(' ') || '-',
    printableLine(t(license)),
    printableLine(t(purpose)),
  ]);
  const all = [`  ${t('model, state, size, styles, licence, for')}`.split(/,\s*|、/), ...rows];
  return columns(all);
}

/** The English words are not wider. */
const LEAST_WIDTH = 10;

const FINDINGS: Readonly<Record<VerifyFinding['state'], string>> = {
  ok: translatable('ok'),
  unlisted: translatable('unlisted'),
  missing: translatable('missing'),
  outdated: translatable('outdated'),
  'wrong size': translatable('wrong size'),
  'wrong hash': translatable('wrong hash'),
  damaged: translatable('damaged'),
};

function stateOf(state: ModelStatus['state'], missing: number): string {
  if (state !== 'partial') return t(MODEL_STATES[state]);
  return t('partial, {count} file missing | partial, {count} files missing', { count: missing });
}

/** What deleting a model frees: not what links lead to. */
function wouldDelete(status: Removable): string {
  const { folder, bytes } = status;
  const size = byteSize(status.freed);
  if (isLinked(status)) {
    const linked = byteSize(bytes);
    return t('This would delete {folder}, only links: the {size} that they lead to would stay.', {
      folder,
      size: linked,
    });
  }
  if (bytes > status.freed) {
    return t('This would delete {folder}, {size}; what its links lead to would stay.', { folder, size });
  }
  return t('This would delete {folder}, {size}.', { folder, size });
}

function deleted(name: string, status: Removable): string {
  const { bytes } = status;
  const size = byteSize(status.freed);
  if (isLinked(status)) {
    return t('{name} was deleted; the {size} that its links lead to stay.', { name, size: byteSize(bytes) });
  }
  if (bytes > status.freed) {
    return t('{name} was deleted; {size} are free again; what its links lead to stays.', { name, size });
  }
  return t('{name} was deleted; {size} are free again.', { name, size });
}

/** Small files, such as a lock file, may lie beside the links. */
function isLinked({ freed, bytes }: Pick<Removable, 'freed' | 'bytes'>): boolean {
  return bytes > 0 && freed < bytes / 1000;
}

/** How to replace damaged files. Where a folder of the operator's own came from is not known. */
function mending(model: { readonly embedded: boolean } | undefined, name: string): string {
  if (model === undefined) return t('Replace the files named above.');
  return model.embedded ? t('Install wuerst again.') : t('Run: {command}', { command: `wuerst models pull ${name}` });
}
