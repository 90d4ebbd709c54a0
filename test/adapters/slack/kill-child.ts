// The adapter in a process of its own, on a core whose memory is a file: `kill-child.ts <api url> <file>`.
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import { TERMINAL_STATES } from '../../../src/bot/job.ts';
import { FakeCore, PIXEL } from '../fake-core.ts';
import { APP_TOKEN, BOT_TOKEN } from './stand-in.ts';

const [apiUrl, file] = process.argv.slice(2);
if (apiUrl === undefined || file === undefined) throw new Error('kill-child <api url> <file>');
const core = new FakeCore({ file });
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
// Limits would make a test of them; here they only take time.
const adapter = createSlackAdapter({
  botToken: BOT_TOKEN,
  appToken: APP_TOKEN,
  apiUrl,
  logger,
  updatesPerMinute: 6000,
});

/** Every waiting or running job moves on a little, in turns. */
function tick(): void {
  for (const job of core.jobsById.values()) {
    if (TERMINAL_STATES.includes(job.state)) continue;
    if (job.state === 'queued') core.started(job.id);
    else if (Math.random() < 0.3) core.finish(job.id);
    else core.step(job.id, Math.random(), PIXEL);
  }
}

await adapter.start(core);
setInterval(tick, 25);
process.send?.('ready');
