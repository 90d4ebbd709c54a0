/** As `Promise.all`; of several failures the first in the list counts, whichever came first. */
export async function allInOrder<T extends readonly Promise<unknown>[]>(promises: readonly [...T]) {
  await Promise.allSettled(promises);
  for (const promise of promises) await promise;
  return Promise.all(promises);
}
