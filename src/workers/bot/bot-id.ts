import { randomBytes } from 'node:crypto';
import type { History } from '../../bot/history/history.ts';
import { botId } from '../roll.ts';

const MEMO = ['workers', 'bot'] as const;

/** Tells this bot from others with the same Redis; it keeps it as long as its database. */
export function ownBotId({ memos }: Pick<History, 'memos'>): string {
  const known = botId.safeParse(memos.get(...MEMO)).data;
  if (known !== undefined) return known;
  const id = randomBytes(16).toString('hex');
  memos.set(...MEMO, id);
  return id;
}
