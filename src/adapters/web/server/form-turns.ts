import PQueue from 'p-queue';
import { PERSON_BOUNDS } from '../../../bot/person-bounds.ts';
import { TooOften } from '../../../bot/rate-limit.ts';
import { t } from '../../../texts/translate.ts';

/** Seconds after which there may be room again. */
const SOON = 10;

/** When a form with pictures may be read: until then it waits in the socket, not in memory. */
export class FormTurns {
  readonly #all: PQueue;
  /** By person; no more than one form of each is read, so that nobody waits for another's slow connection. */
  readonly #waiting = new Map<string, PQueue>();

  /** @param atOnce forms in memory, with pictures of some ten megabytes each, in several copies while they are taken apart */
  constructor(atOnce: number) {
    this.#all = new PQueue({ concurrency: atOnce });
  }

  /** @throws TooOften `too_many_forms` */
  async take<T>(person: string, read: () => Promise<T>): Promise<T> {
    const own = this.#waiting.get(person) ?? new PQueue({ concurrency: 1 });
    if (own.size + own.pending >= PERSON_BOUNDS.forms) {
      throw new TooOften('too_many_forms', t('Many of your pictures are still on their way.'), SOON);
    }
    this.#waiting.set(person, own);
    try {
      return await own.add(() => this.#all.add(read));
    } finally {
      if (own.size + own.pending === 0) this.#waiting.delete(person);
    }
  }
}
