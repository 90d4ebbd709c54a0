import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEntry } from '../bot/history/audit.ts';
import { printableLine } from '../system/printable.ts';
import { t } from '../texts/translate.ts';
import { dataFolder } from './saved-prompts.ts';
import { terminalActor } from './terminal-actor.ts';

/**
 * Keeps in the bot's history who changed something that lies outside of it. Where there is no bot, nothing is kept.
 *
 * @param data folder of the bot @default that of the environment
 */
export async function recordChange(change: Pick<AuditEntry, 'action' | 'target' | 'detail'>, data?: string) {
  const folder = dataFolder(data);
  const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
  if (!existsSync(join(folder, DATABASE_FILE))) return;
  try {
    const history = History.open({ folder });
    const { surface, user: actor } = terminalActor();
    history.audit.add({ surface, guild: null, actor, ...change });
    history.close();
  } catch (error) {
    // The change itself was made.
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${printableLine(t('Who did this could not be recorded: {reason}', { reason }))}\n`);
  }
}
