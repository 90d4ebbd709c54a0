import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Credential, openCredential } from '../../src/marking/credential.ts';
import { CREDENTIAL_FILE } from '../../src/marking/credential-file.ts';
import { OwnMarker } from '../../src/marking/marker.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';

/** Signs, without a watermark; a problem fails the test. */
export function markerWith(t: TestContext, credential: Credential): OwnMarker {
  const marker = new OwnMarker({
    signature: true,
    watermark: false,
    credential,
    onProblem: (error) => assert.fail(String(error)),
  });
  t.after(() => marker.stop());
  return marker;
}

/** One with a key of its own, and the folder where that is kept. */
export async function signingMarker(t: TestContext) {
  const folder = await temporaryFolder(t);
  const credential = await openCredential(join(folder, CREDENTIAL_FILE), new Date());
  return { folder, credential, marker: markerWith(t, credential) };
}
