import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { type Caller, isOver, personalPayer } from '../../../bot/job.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Adapter } from '../../adapter.ts';
import { Paintings } from '../serving/paintings.ts';
import { mcpServer } from './mcp-server.ts';

/** Whoever starts it has this machine for themselves. */
const CALLER: Caller = {
  ...{ surface: 'terminal', user: 'mcp', name: 'mcp', room: 'mcp', guild: null },
  payer: personalPayer('terminal', 'mcp'),
  ...{ moderator: false, ageRestricted: false },
};

interface Options {
  readonly version: string;
  readonly logger: Logger;
  /** The program at the other end has closed its side. */
  readonly onClosed: () => void;
}

/** The model context protocol over the standard input and output. */
export function createStdioAdapter({ version, logger, onClosed }: Options): Adapter {
  let stop = async () => {};
  return {
    surface: 'terminal',
    async start(core) {
      for (const job of core.undelivered('terminal')) core.markDelivered(job.id);
      const unsubscribe = core.subscribe(({ seq, job }) => {
        if (seq !== null && job.caller.surface === 'terminal' && isOver(job)) core.markDelivered(job.id);
      });
      const onProblem = (err: unknown) => logger.error({ err }, 'a tool failed');
      const server = mcpServer({ core, paintings: new Paintings(core), caller: CALLER, version, onProblem });
      stop = async () => {
        unsubscribe();
        await server.close();
      };
      // The SDK does not watch for the end of its input.
      process.stdin.once('end', onClosed).once('close', onClosed);
      await server.connect(new StdioServerTransport());
    },
    stop: () => stop(),
  };
}
