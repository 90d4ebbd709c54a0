import * as z from 'zod';
import { expectedValue } from '../../web/server/expected-value.ts';
import type { WebRequest } from '../../web/server/web-context.ts';
import { admitted } from './admission.ts';
import type { ApiCall, ApiContext } from './api-context.ts';
import { readBody, wrongField } from './read-body.ts';

/** What one status of an endpoint looks like. */
export interface Answer {
  readonly description: string;
  /** Of JSON, or of each event of a stream. */
  readonly schema?: z.ZodType;
  /** @default application/json */
  readonly type?: string;
}

/** A path of an interface: what it takes and answers is checked, documented and tested by the same schemas. */
export interface Endpoint {
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly query: z.ZodObject | undefined;
  readonly body: Body | undefined;
  /** By status. */
  readonly answers: Readonly<Record<number, readonly Answer[]>>;
  readonly isOpen: boolean;
  run(api: ApiContext, c: WebRequest): Promise<Response>;
}

export interface Body {
  readonly schema: z.ZodType;
  /** Media types that are read. */
  readonly types: readonly string[];
  /** In JSON, too, texts may stand for numbers. */
  readonly isLax?: boolean;
}

interface Definition<Q extends z.ZodObject, B extends z.ZodType> {
  readonly method: Endpoint['method'];
  /** As in OpenAPI: `/v1/images/files/{file}`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Q;
  readonly body?: Pick<Body, 'isLax'> & { readonly schema: B; readonly types?: readonly string[] };
  readonly answers: Endpoint['answers'];
  handle(
    call: ApiCall,
    given: { readonly query: z.output<Q>; readonly body: z.output<B> },
  ): Response | Promise<Response>;
}

const NOTHING = z.object({});

/** An endpoint for programs that have a key. */
export function endpoint<Q extends z.ZodObject = typeof NOTHING, B extends z.ZodType = typeof NOTHING>(
  definition: Definition<Q, B>,
): Endpoint {
  const { method, path, summary, query, body, answers, handle } = definition;
  return {
    ...{ method, path, summary, answers, query, isOpen: false },
    body: body && { types: ['application/json'], ...body },
    async run(api, c) {
      const call = admitted(api, c);
      const read = (query ?? NOTHING).safeParse(c.req.query(), { error: expectedValue });
      if (!read.success) throw wrongField(read.error);
      const given = body === undefined ? {} : await readBody(call, body);
      return handle(call, { query: read.data as z.output<Q>, body: given as z.output<B> });
    },
  };
}

/** An endpoint that asks for no key. */
export function openEndpoint(
  definition: Pick<Endpoint, 'method' | 'path' | 'summary' | 'answers'> & {
    handle(api: ApiContext, c: WebRequest): Response | Promise<Response>;
  },
): Endpoint {
  const { method, path, summary, answers, handle } = definition;
  return {
    ...{ method, path, summary, answers, query: undefined, body: undefined, isOpen: true },
    run: async (api, c) => handle(api, c),
  };
}
