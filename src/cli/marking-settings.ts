import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CREDENTIAL_FILE } from '../marking/credential-file.ts';
import { DEFAULT_DATA } from '../system/data-folder.ts';
import { UserError } from '../system/errors.ts';
import { onOrOff } from '../system/on-off.ts';
import { personalFolder } from '../system/personal-folder.ts';
import { t } from '../texts/translate.ts';

/** How pictures of the terminal are marked. */
export interface MarkingSettings {
  /** Whether they are signed. */
  readonly signature: boolean;
  /** Whether their pixels are. */
  readonly watermark: boolean;
  /** Where the key is, or will be. */
  readonly credential: string;
}

/**
 * What the environment says, which is the bot's own where it is run in this folder. Without a data folder, the key is the
 * person's: no folder gets one because a picture was painted there.
 *
 * @throws UserError `config_invalid`
 */
export function markingSettings(env: NodeJS.ProcessEnv): MarkingSettings {
  const named = env.WUERST_DATA?.trim();
  const here = existsSync(join(DEFAULT_DATA, CREDENTIAL_FILE)) ? DEFAULT_DATA : undefined;
  return {
    signature: switchedOn(env, 'WUERST_SIGNATURE'),
    watermark: switchedOn(env, 'WUERST_WATERMARK'),
    credential: resolve(named || here || personalFolder(env), CREDENTIAL_FILE),
  };
}

function switchedOn(env: NodeJS.ProcessEnv, name: string): boolean {
  const typed = env[name]?.trim() || 'on';
  const isOn = onOrOff(typed);
  if (isOn !== undefined) return isOn;
  throw new UserError(
    'config_invalid',
    t('{name}: expected on or off, got "{value}".', { name, value: typed.slice(0, 80) }),
  );
}
