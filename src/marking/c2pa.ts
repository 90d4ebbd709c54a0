import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { initSync } from '@contentauth/c2pa-wasm';

// The program in WebAssembly lies in its package.
initSync({ module: readFileSync(fileURLToPath(import.meta.resolve('@contentauth/c2pa-wasm/c2pa.wasm'))) });

export { WasmBuilder, WasmReader } from '@contentauth/c2pa-wasm';

/** Its settings: no certificate is asked about, and nothing that a file names is fetched. */
export const NO_NETWORK = { verify: { remote_manifest_fetch: false, ocsp_fetch: false } };
