// The whole bot in a process of its own, with an engine that paints pixels: `kill-child.ts <api url> <data folder>`.
import { createSlackAdapter } from '../../../src/adapters/slack/adapter.ts';
import { readConfig } from '../../../src/config.ts';
import { startBot } from '../../../src/main.ts';
import { createLogger } from '../../../src/system/logging.ts';
import { APP_TOKEN, BOT_TOKEN } from './stand-in.ts';

const [apiUrl, folder] = process.argv.slice(2);
if (apiUrl === undefined || folder === undefined) throw new Error('kill-child <api url> <data folder>');
const logger = createLogger({ level: 'silent', secrets: [] });
// Limits would make a test of them; here they only take time.
const slack = createSlackAdapter({
  botToken: BOT_TOKEN,
  transport: { kind: 'socket', appToken: APP_TOKEN },
  port: 0,
  apiUrl,
  logger,
  updatesPerMinute: 6000,
  // What Slack takes for done before it is stored is lost with the bot.
  decideMs: 60_000,
});
const bot = await startBot(readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0', WUERST_DRAIN_SECONDS: '1' }), {
  engine: new URL('../../bot/slow-engine.ts', import.meta.url).href,
  logger,
  adapters: [slack],
});
process.send?.('ready');
await bot.stopped;
process.disconnect?.();
