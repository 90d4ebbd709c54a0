/** Takes a form of several parts to pieces, so that megabytes do not hold up everybody else's requests. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FormPart, FormRequest } from './form-body.ts';

const { body, type } = workerData as FormRequest;

async function partsOf(): Promise<FormPart[]> {
  const form = await new Response(body, { headers: { 'Content-Type': type } }).formData();
  const parts: FormPart[] = [];
  for (const [name, value] of form) {
    parts.push(
      typeof value === 'string' ? { name, text: value } : { name, bytes: new Uint8Array(await value.arrayBuffer()) },
    );
  }
  return parts;
}

const parts = await partsOf().catch(() => null);
const buffers = (parts ?? []).flatMap((part) => ('bytes' in part ? [part.bytes.buffer] : []));
parentPort?.postMessage(parts, buffers);
