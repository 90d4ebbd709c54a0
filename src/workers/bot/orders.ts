import * as z from 'zod';
import type { Orders } from './judgement.ts';

const orders = z.record(z.string(), z.enum(['drain', 'ban']));
const MEMO = ['workers', 'orders'] as const;

/** What keeps small values: the database of the bot. */
interface Store {
  get(owner: string, key: string): unknown;
  set(owner: string, key: string, value: unknown): void;
}

/** What the operator has ordered about workers, by name. Another process than the bot's may give orders. */
export class WorkerOrders {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get all(): Orders {
    return orders.safeParse(this.#store.get(...MEMO)).data ?? {};
  }

  give(name: string, order: Orders[string] | undefined): void {
    const { [name]: _, ...others } = this.all;
    this.#store.set(...MEMO, order === undefined ? others : { ...others, [name]: order });
  }
}
