// The adapter in a process of its own, on a core whose memory is a file: `kill-child.ts <api base> <file>`.
import { createDiscordAdapter } from '../../../src/adapters/discord/adapter.ts';
import { TERMINAL_STATES } from '../../../src/bot/job.ts';
import { FakeCore } from '../fake-core.ts';
import { TOKEN } from './stand-in.ts';

const [apiBase, file] = process.argv.slice(2);
if (apiBase === undefined || file === undefined) throw new Error('kill-child <api base> <file>');
const core = new FakeCore({ file });
const quiet = () => undefined;
const adapter = createDiscordAdapter({
  token: TOKEN,
  apiBase,
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  editInterval: 60,
});

/** Every waiting or running job moves on a little, in turns. */
function tick(): void {
  for (const job of core.jobsById.values()) {
    if (TERMINAL_STATES.includes(job.state)) continue;
    if (job.state === 'queued') core.started(job.id);
    else if (Math.random() < 0.3) core.finish(job.id);
    else core.step(job.id, Math.random());
  }
}

await adapter.start(core);
setInterval(tick, 25);
process.send?.('ready');
