import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CUDA_LIBRARY, librariesFolder } from '../pipeline/runtime/providers.ts';
import { OperatorError, UserError } from '../system/errors.ts';

export interface InstallCudaOptions {
  /** @default the library's own script */
  readonly script?: string;
  /** Where the script puts the files. */
  readonly folder?: string;
  /** @default this machine's, e.g. `linux-x64` */
  readonly platform?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with the script's output. */
  readonly say?: (text: string) => void;
}

/**
 * Has onnxruntime-node fetch its CUDA files into its own folder, as its installation would.
 *
 * @returns the folder they are in
 * @throws UserError `cuda_platform` where there are none, OperatorError `cuda_install_failed` with what went wrong
 */
export async function installCuda(options: InstallCudaOptions = {}): Promise<string> {
  const { platform = `${process.platform}-${process.arch}`, folder = librariesFolder(), say = () => {} } = options;
  if (platform !== 'linux-x64') {
    throw new UserError('cuda_platform', `There are CUDA files for linux-x64 only, and this is ${platform}.`, {
      hint: 'WebGPU uses the GPU here: run "wuerst doctor".',
    });
  }
  const script = options.script ?? createRequire(import.meta.url).resolve('onnxruntime-node/script/install.js');
  const { code, errors } = await run(script, scriptEnv(options.env ?? process.env), say);
  if (code === 0 && existsSync(join(folder, CUDA_LIBRARY))) return folder;
  const reason = code === 0 ? `${CUDA_LIBRARY} is not in ${folder}` : reasonIn(errors);
  throw new OperatorError('cuda_install_failed', `The CUDA files of onnxruntime could not be fetched: ${reason}.`, {
    hint: `They are fetched from api.nuget.org, through HTTPS_PROXY where it is set, and written to ${folder}.`,
  });
}

/** The variable overrides the script's option; npm sets it from .npmrc, so that an installation fetches nothing. */
function scriptEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const proxy = env.GLOBAL_AGENT_HTTPS_PROXY ?? env.HTTPS_PROXY ?? env.https_proxy;
  return {
    ...env,
    ONNXRUNTIME_NODE_INSTALL: 'cuda12',
    ...(proxy ? { GLOBAL_AGENT_HTTPS_PROXY: proxy } : {}),
  };
}

async function run(script: string, env: Record<string, string | undefined>, say: (text: string) => void) {
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', say);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, errors };
}

/** The message of the error that ended the script, without its stack trace. */
function reasonIn(errors: string): string {
  const lines = errors.split('\n').map((line) => line.trim());
  const error = lines.find((line) => /^(\w*Error|Error \[\w+\]): /.test(line));
  return (
    error?.replace(/^[^:]*: /, '') ?? lines.findLast((line) => line !== '') ?? 'its script ended without a message'
  );
}
