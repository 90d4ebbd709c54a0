import * as z from 'zod';
import { UserError } from '../../../system/errors.ts';
import { once } from '../../../system/memo.ts';
import type { Problem } from '../../web/server/problems.ts';
import type { WebRequest } from '../../web/server/web-context.ts';
import { admitted } from '../serving/admission.ts';
import type { ApiContext } from '../serving/api-context.ts';
import type { Endpoint } from '../serving/endpoint.ts';
import { type Interface, sentenceOf } from '../serving/interface.ts';
import { readBody } from '../serving/read-body.ts';

const PATH = '/mcp';
/** JSON-RPC; the SDK checks the rest. */
const MESSAGE = z.looseObject({ jsonrpc: z.literal('2.0') });
const MESSAGES = z.union([MESSAGE, z.array(MESSAGE).max(100)], { error: 'expected messages of JSON-RPC 2.0' });
const PROBLEM = z.object({
  jsonrpc: z.literal('2.0'),
  error: z.object({ code: z.int(), message: z.string() }),
  id: z.null(),
});

const STREAM = { description: 'Events with messages.', type: 'text/event-stream' };
const WRONG = { description: 'It is not a message of a session.', schema: PROBLEM };

/** The model context protocol by Streamable HTTP. Its SDK is loaded with the first request. */
export function mcpInterface(): Interface & { close(): void } {
  const load = once(async () => {
    const { Sessions } = await import('./sessions.ts');
    return new Sessions();
  });
  let isUsed = false;

  async function run(api: ApiContext, c: WebRequest): Promise<Response> {
    const call = admitted(api, c);
    const body = c.req.method === 'POST' ? await readBody(call, { schema: MESSAGES }) : undefined;
    isUsed = true;
    const sessions = await load();
    const { logger } = api.web.options;
    const studio = {
      ...{ core: api.web.core, paintings: api.paintings, caller: call.caller, version: api.version },
      link: (imageId: string) => api.links.link(c, imageId, 'png'),
      onProblem: (err: unknown) => logger.error({ err }, 'a tool failed'),
    };
    return sessions.handle(c.req.raw, studio, call.key.id, body);
  }

  const common = { path: PATH, query: undefined, isOpen: false, run };
  const endpoints: readonly Endpoint[] = [
    {
      ...{ ...common, method: 'post', summary: 'Send messages of the model context protocol.' },
      body: { schema: MESSAGES, types: ['application/json'] },
      answers: {
        200: [STREAM],
        202: [{ description: 'Taken.' }],
        400: [WRONG],
        404: [WRONG],
        406: [WRONG],
      },
    },
    {
      ...{ ...common, method: 'get', summary: 'Listen to messages of a session.', body: undefined },
      answers: { 200: [STREAM], 400: [WRONG], 404: [WRONG], 406: [WRONG], 409: [WRONG] },
    },
    {
      ...{ ...common, method: 'delete', summary: 'End a session.', body: undefined },
      answers: { 200: [{ description: 'Ended.' }], 400: [WRONG], 404: [WRONG] },
    },
  ];
  return {
    ...{ name: 'Model context protocol', endpoints, problemSchema: PROBLEM, problem },
    close() {
      if (isUsed) void load().then((sessions) => sessions.close());
    },
  };
}

/** JSON-RPC's codes; any other is in the server's own range. */
const CODES: Readonly<Record<string, number>> = { body_not_json: -32700, body_invalid: -32600 };
const OTHER = -32000;

function problem({ status, ...words }: Problem, error: unknown) {
  const message = error instanceof UserError ? sentenceOf(words) : words.message;
  return { status, body: { jsonrpc: '2.0', error: { code: CODES[words.code] ?? OTHER, message }, id: null } };
}
