import * as z from 'zod';
import type { Actor } from '../../bot/history/audit.ts';
import type { History } from '../../bot/history/history.ts';
import type { Orders } from './judgement.ts';

const orders = z.record(z.string(), z.enum(['drain', 'ban']));
const MEMO = ['workers', 'orders'] as const;

type Store = Pick<History, 'memos' | 'audit' | 'atomically'>;

/** What the operator has ordered about workers, by name. Another process than the bot's may give orders. */
export class WorkerOrders {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get all(): Orders {
    return orders.safeParse(this.#store.memos.get(...MEMO)).data ?? {};
  }

  give(name: string, order: Orders[string] | undefined, { surface, user }: Actor): void {
    const { memos, audit } = this.#store;
    this.#store.atomically(() => {
      const { [name]: _, ...others } = this.all;
      memos.set(...MEMO, order === undefined ? others : { ...others, [name]: order });
      audit.add({ surface, guild: null, actor: user, action: order ?? 'admit', target: name, detail: null });
    });
  }
}
