import * as z from 'zod';
import type { Answer, Body, Endpoint } from './endpoint.ts';
import type { Interface } from './interface.ts';

/** Statuses that any endpoint may answer an error with, as the interface writes it. */
const ERRORS: Readonly<Record<number, string>> = {
  400: 'Something in the request is wrong.',
  401: 'There is no key, or it is wrong.',
  403: 'The rules of the place forbid it.',
  404: 'There is no such thing, or there are no keys at all.',
  405: 'Another method is wanted.',
  409: 'It was cancelled.',
  413: 'The body is too large.',
  415: 'The body has the wrong type.',
  422: 'A field has the wrong value, or the Idempotency-Key came with another request before.',
  429: 'Too much was asked for.',
  500: 'It could not be made.',
  503: 'The bot is restarting.',
};

/** The OpenAPI document of interfaces, made of the schemas that check requests. */
export function openApiDocument(interfaces: readonly Interface[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const one of interfaces) {
    for (const endpoint of one.endpoints) {
      paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: operation(endpoint, one) };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'wuerst',
      version,
      description: 'What programs can ask of the bot with an API key. Fields that are not listed are ignored.',
    },
    tags: interfaces.map(({ name }) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic', description: 'Any name, with the key as password.' },
      },
    },
  };
}

function operation(endpoint: Endpoint, { name, problemSchema }: Interface) {
  const { method, path, summary, query, body, answers, isOpen } = endpoint;
  const errors = Object.entries(ERRORS).map(([status, description]) => [
    status,
    response([{ description, schema: problemSchema }]),
  ]);
  const own = Object.entries(answers).map(([status, ofStatus]) => [status, response(ofStatus)]);
  return {
    operationId: `${method}${path.replace(/[^A-Za-z0-9]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    tags: [name],
    summary,
    security: isOpen ? [] : [{ bearer: [] }, { basic: [] }],
    parameters: parametersOf(path, query),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: Object.fromEntries([...errors, ...own]),
  };
}

function requestBody({ schema, types }: Body) {
  const json = schemaOf(schema, 'input');
  return { required: true, content: Object.fromEntries(types.map((type) => [type, { schema: json }])) };
}

function response(answers: readonly Answer[]) {
  const content = answers
    .filter(({ schema, type }) => schema !== undefined || type !== undefined)
    .map(({ schema, type = 'application/json' }) => [
      type,
      schema === undefined ? {} : { schema: schemaOf(schema, 'output') },
    ]);
  return { description: answers.map(({ description }) => description).join(' '), content: Object.fromEntries(content) };
}

function parametersOf(path: string, query: z.ZodObject | undefined) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
  }));
  const { properties = {}, required = [] } = query === undefined ? {} : schemaOf(query, 'input');
  const inQuery = Object.entries(properties).map(([name, schema]) => ({
    ...{ name, in: 'query', required: required.includes(name), schema },
  }));
  return [...inPath, ...inQuery];
}

interface JsonSchema extends Record<string, unknown> {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

/** A schema may say by `meta({ override })` what it is in JSON, where that cannot be derived. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const { override } = jsonSchema as { override?: object };
      if (override === undefined) return;
      for (const key of Object.keys(jsonSchema)) delete (jsonSchema as Record<string, unknown>)[key];
      Object.assign(jsonSchema, override);
    },
  });
  return json as JsonSchema;
}
