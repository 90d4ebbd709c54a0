/** Holds a lock until it is killed. */
import { acquireLock } from '../../src/system/file-lock.ts';

await acquireLock(process.argv[2] ?? '');
process.send?.('held');
setInterval(() => {}, 60_000);
