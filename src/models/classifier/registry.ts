import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hub } from '../../pipeline/hub/hub.ts';
import type { HubOptions } from '../../pipeline/hub/hub-options.ts';
import { OperatorError } from '../../system/errors.ts';
import { proxiesFrom } from '../../system/proxies.ts';
import { t } from '../../texts/translate.ts';

const PUBLIC = 'https://registry.npmjs.org';

/** An npm registry, read as the hub is: with retries, proxies, and the rest of a download that broke off. */
export class Registry extends Hub {
  protected override urlOf(name: string, _version: string, file: string): string {
    return `${this.endpoint}/${name}/-/${encodeURIComponent(file)}`;
  }
}

/** The registry that npm is set to. @throws OperatorError `registry_invalid` */
export function registryOptionsFrom(env: NodeJS.ProcessEnv): HubOptions {
  const named = env.npm_config_registry || env.NPM_CONFIG_REGISTRY || ofNpmrc(env) || PUBLIC;
  const isAddress = URL.canParse(named) && /^https?:$/.test(new URL(named).protocol);
  if (!isAddress) {
    throw new OperatorError(
      'registry_invalid',
      () => t('The registry that npm is set to is not an http or https address.'),
      {
        hint: () => t('For example: {example}', { example: `npm_config_registry=${PUBLIC}` }),
      },
    );
  }
  return { endpoint: named, ...proxiesFrom(env) };
}

/** What `npm config set registry` has written. */
function ofNpmrc({ HOME }: NodeJS.ProcessEnv): string | undefined {
  if (!HOME) return undefined;
  try {
    return /^\s*registry\s*=\s*["']?([^"'\s]+)/m.exec(readFileSync(join(HOME, '.npmrc'), 'utf8'))?.[1];
  } catch {
    // Most people have none.
    return undefined;
  }
}
