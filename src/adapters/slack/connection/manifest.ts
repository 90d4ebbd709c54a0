import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The app manifest (YAML) to paste into "Create New App → From a manifest". */
export function slackManifest(): string {
  return readFileSync(fileURLToPath(new URL('../../../../data/slack-manifest.yaml', import.meta.url)), 'utf8');
}
