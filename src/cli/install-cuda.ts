import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CUDA_LIBRARY, librariesFolder } from '../pipeline/runtime/providers.ts';
import { childEnvironment } from '../system/child-environment.ts';
import { OperatorError, UserError } from '../system/errors.ts';
import { networkFailure, strangeAnswer } from '../system/network-failure.ts';
import { printable } from '../system/printable.ts';
import { checkProxies, type Proxies, proxiesFrom, proxyFor } from '../system/proxies.ts';
import { t } from '../texts/translate.ts';

/** Where the library's script fetches the files. */
const SOURCE = new URL('https://api.nuget.org');

export interface InstallCudaOptions {
  /** @default the library's own script */
  readonly script?: string;
  /** Where the script puts the files. */
  readonly folder?: string;
  /** @default this machine's, e.g. `linux-x64` */
  readonly platform?: string;
  readonly env?: NodeJS.ProcessEnv;
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
    throw new UserError(
      'cuda_platform',
      t('There are CUDA files for linux-x64 only, and this is {platform}.', { platform }),
      {
        hint: t('WebGPU uses the GPU here: run "{command}".', { command: 'wuerst doctor' }),
      },
    );
  }
  const script = options.script ?? createRequire(import.meta.url).resolve('onnxruntime-node/script/install.js');
  const env = options.env ?? process.env;
  const proxies = proxiesFrom(env);
  checkProxies(proxies);
  const { code, errors } = await run(script, scriptEnv(env, proxies), say);
  if (code === 0 && existsSync(join(folder, CUDA_LIBRARY))) return folder;
  const reason = code === 0 ? t('{file} is not in {folder}', { file: CUDA_LIBRARY, folder }) : reasonIn(errors);
  const advice = code === 0 ? '' : adviceFor(errors, reason, proxies);
  throw new OperatorError(
    'cuda_install_failed',
    () => t('The CUDA files of onnxruntime could not be fetched: {reason}.', { reason }),
    {
      hint: () => {
        const where = t(
          'They are fetched from api.nuget.org, through HTTPS_PROXY where it is set, and written to {folder}.',
          { folder },
        );
        return `${advice}${where}`;
      },
    },
  );
}

/** Through which the script's library is told of proxies. */
const AGENT = ['GLOBAL_AGENT_HTTP_PROXY', 'GLOBAL_AGENT_HTTPS_PROXY', 'GLOBAL_AGENT_NO_PROXY'];

/** The variable overrides whatever keeps the script from fetching while packages are installed. */
function scriptEnv(env: NodeJS.ProcessEnv, { httpProxy, httpsProxy = httpProxy, noProxy }: Proxies): NodeJS.ProcessEnv {
  return {
    ...(httpsProxy && { GLOBAL_AGENT_HTTPS_PROXY: httpsProxy }),
    ...(noProxy && { GLOBAL_AGENT_NO_PROXY: noProxy }),
    ...childEnvironment(env, AGENT),
    ONNXRUNTIME_NODE_INSTALL: 'cuda12',
  };
}

/** What helps against the failure of a network that the script ended with; nothing where it is none. */
function adviceFor(errors: string, reason: string, proxies: Proxies): string {
  const to = { host: SOURCE.host, proxy: proxyFor(SOURCE, proxies) };
  const status = /^Failed to download .*?(?:HTTP status code = (\d{3}))?$/.exec(reason);
  // The script hides which of the statuses from 400 on it was given for the list of packages.
  if (status) return `${strangeAnswer(Number(status[1] ?? 403), to).hint} `;
  const code = /^\s*code: '(\w+)'/m.exec(errors)?.[1];
  const failure = networkFailure(Object.assign(new Error(reason), { code }), to);
  return failure ? `${failure.hint} ` : '';
}

async function run(script: string, env: NodeJS.ProcessEnv, say: (text: string) => void) {
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => say(printable(text)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += printable(text);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, errors };
}

/** The message of the error that ended the script, without its stack trace. */
function reasonIn(errors: string): string {
  const lines = errors.split('\n').map((line) => line.trim());
  const error = lines.find((line) => /^(\w*Error|Error \[\w+\]): /.test(line));
  return (
    error?.replace(/^[^:]*: /, '') ?? lines.findLast((line) => line !== '') ?? t('its script ended without a message')
  );
}
