import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { openApi } from './open-api.ts';

interface Schema {
  readonly properties?: Record<string, Schema>;
  readonly required?: readonly string[];
  readonly type?: string;
}

test('one document describes every path, and each of its schemas can be compiled', async (t) => {
  const { document } = await openApi(t);
  const { openapi, paths } = (await document()) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string; security: object[]; responses: object }>>;
  };
  assert.equal(openapi, '3.1.0');
  const ajv = new Ajv2020({ strict: false });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const schemas: object[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('schema' in value && typeof value.schema === 'object' && value.schema !== null) schemas.push(value.schema);
    for (const inner of Object.values(value)) collect(inner);
  };
  collect(paths);
  assert.ok(schemas.length > 20);
  for (const schema of schemas) ajv.compile(schema);
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
});

test('what is required and what files are can be read in the document', async (t) => {
  const { document } = await openApi(t);
  const { paths } = (await document()) as {
    paths: Record<string, { post?: { requestBody: { content: Record<string, { schema: Schema }> } } }>;
  };
  const generation = paths['/v1/images/generations']?.post?.requestBody.content['application/json']?.schema;
  assert.deepEqual(generation?.required, ['prompt']);
  const edit = paths['/v1/images/edits']?.post?.requestBody.content['multipart/form-data']?.schema;
  assert.deepEqual(edit?.required, ['image', 'prompt']);
  const mask = JSON.stringify(edit?.properties?.mask);
  assert.match(mask, /application\/octet-stream/);
});
