/** `wuerst models …` as a program of its own, which can be killed. Retries wait a millisecond. */
import { modelsCommand } from '../../src/cli/models.ts';

await modelsCommand({ hub: { minRetryMs: 1 } }).parseAsync(process.argv.slice(2), { from: 'user' });
