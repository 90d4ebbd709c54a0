import * as z from 'zod';
import { NO_NETWORK, WasmReader } from './c2pa.ts';

const action = z.object({ action: z.string(), digitalSourceType: z.string().optional() });
const assertion = z.object({
  label: z.string(),
  data: z.object({ actions: z.array(action).optional() }).catch({}),
});
const status = z.object({ code: z.string(), explanation: z.string().optional() });

/** What a reader of Content Credentials tells of a file, as far as it is used. */
const manifestsSchema = z.object({
  active_manifest: z.string().optional(),
  manifests: z.record(
    z.string(),
    z.object({
      claim_generator_info: z.array(z.object({ name: z.string(), version: z.string().optional() })).default([]),
      assertions: z.array(assertion).default([]),
      signature_info: z
        .object({
          issuer: z.string().optional(),
          common_name: z.string().optional(),
          time: z.string().optional(),
        })
        .optional(),
    }),
  ),
  /** What speaks against it. */
  validation_status: z.array(status).default([]),
  validation_state: z.enum(['Valid', 'Trusted', 'Invalid']).optional(),
});

export type Manifests = z.output<typeof manifestsSchema>;

/**
 * What a file's Content Credentials say, and whether they hold. `undefined` where it has none.
 *
 * @param trusted certificates as PEM
 * @throws what the reader says of a file that is damaged
 */
export async function readManifests(
  file: Uint8Array,
  type: string,
  trusted: string | undefined,
): Promise<Manifests | undefined> {
  const trust = trusted === undefined ? {} : { trust: { user_anchors: trusted, verify_trust_list: true } };
  let reader: WasmReader;
  try {
    reader = await WasmReader.fromBytes(type, file, JSON.stringify({ ...NO_NETWORK, ...trust }));
  } catch (error) {
    if (/JumbfNotFound|no JUMBF data/i.test(String(error))) return undefined;
    throw error instanceof Error ? error : new Error(String(error));
  }
  try {
    return manifestsSchema.parse(JSON.parse(reader.json()));
  } finally {
    reader.free();
  }
}
