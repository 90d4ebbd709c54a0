import type { Context } from 'hono';
import type * as z from 'zod';
import { UserError } from '../../../system/errors.ts';
import { type Problem, problemOf } from '../../web/server/problems.ts';
import type { WebApp } from '../../web/server/web-context.ts';
import type { ApiContext } from './api-context.ts';
import type { Endpoint } from './endpoint.ts';

/** What another program's clients speak: paths, and how errors look there. */
export interface Interface {
  /** What it is called in the document. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  /** Where its clients may look for what is not here, such as `/v1/*`. */
  readonly under?: string;
  /** Of every error. */
  readonly problemSchema: z.ZodType;
  /** An error as these clients read it; may set headers. */
  problem(problem: Problem, error: unknown, c: Context): { readonly status: Problem['status']; readonly body: object };
}

/** An error in one text, without the commands of its hint, which are for chats. */
export function sentenceOf({ message, hint }: Pick<Problem, 'message' | 'hint'>): string {
  const sentences = (hint?.replace(/ ?Try: \/wuerst .*$/s, '') ?? '').split(/(?<=[.?!])\s+/);
  const advice = sentences.filter((sentence) => !sentence.includes('/wuerst')).join(' ');
  return advice === '' ? message : `${message} ${advice}`;
}

/** Adds the paths of an interface. Any other method of a path is answered with the allowed ones. */
export function serve(app: WebApp, api: ApiContext, { endpoints, under, problem }: Interface): void {
  const { logger } = api.web.options;
  const answered = (error: unknown, c: Context): Response => {
    const { status, body } = problem(problemOf(error, c, logger), error, c);
    return c.json(body, status);
  };
  for (const { method, path, run } of endpoints) {
    app.on(method.toUpperCase(), routeOf(path), async (c) => {
      try {
        return await run(api, c);
      } catch (error) {
        // The program has hung up: nobody reads an answer.
        if (c.req.raw.signal.aborted) return new Response(null, { status: 499 });
        return answered(error, c);
      }
    });
  }
  for (const path of new Set(endpoints.map((one) => one.path))) {
    const allowed = endpoints.filter((one) => one.path === path).map(({ method }) => method.toUpperCase());
    app.all(routeOf(path), (c) => {
      c.header('Allow', allowed.join(', '));
      return answered(
        new UserError('method_not_allowed', `${c.req.method} is not allowed here.`, {
          hint: `Use ${allowed.join(', ')}.`,
        }),
        c,
      );
    });
  }
  if (under !== undefined) app.all(under, (c) => answered(unknownPath(api), c));
}

function unknownPath({ keys }: ApiContext): UserError {
  const message = 'There is nothing at this address.';
  return new UserError('not_found', message, keys.any ? { hint: 'What there is can be read at /openapi.json.' } : {});
}

/** `/files/{file}` as the router writes it. */
function routeOf(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}
