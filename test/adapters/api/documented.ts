import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Json = Record<string, unknown>;
type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

interface Operation {
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Json }> };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: Json }> }>;
}

/** Fails on any answer that the document does not foresee: its path, status, type, or what it holds. */
export function documented(document: Json, fetch: Fetch): Fetch {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  // A package of CommonJS.
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const paths = document.paths as Record<string, Record<string, Operation>>;
  const checks = new Map<object, ValidateFunction>();
  const check = (schema: Json, value: unknown, what: string) => {
    const validate = checks.get(schema) ?? ajv.compile(schema);
    checks.set(schema, validate);
    assert.ok(validate(value), `${what}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value).slice(0, 500)}`);
  };
  return async (input, init) => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    const path = Object.keys(paths).find((one) => new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(pathname));
    assert.ok(path !== undefined, `${pathname} is in the document`);
    const answer = await fetch(request);
    const what = `${request.method} ${pathname} ${answer.status}`;
    const operations = paths[path] ?? {};
    const operation = operations[request.method.toLowerCase()] ?? Object.values(operations)[0];
    const foreseen = operation?.responses[String(answer.status)];
    assert.ok(foreseen !== undefined, `${what} is in the document`);
    const { content = {} } = foreseen;
    if (answer.headers.get('content-type') === null) return answer;
    const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
    assert.ok(Object.hasOwn(content, type), `${what} has a documented type, not ${type}`);
    const schema = content[type]?.schema;
    if (schema === undefined) return answer;
    const text = await answer.text();
    const values = type === 'text/event-stream' ? eventsIn(text) : [JSON.parse(text)];
    for (const value of values) check(schema, value, what);
    return new Response(text, answer);
  };
}

function eventsIn(text: string): unknown[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));
}
