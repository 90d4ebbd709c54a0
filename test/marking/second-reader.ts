import { type Asset, JPEG, PNG } from '@trustnxt/c2pa-ts/asset';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import { type ActionAssertion, AssertionLabels, ManifestStore, ValidationResult } from '@trustnxt/c2pa-ts/manifest';

export interface SecondReading {
  readonly isValid: boolean;
  readonly codes: readonly string[];
  readonly actions: readonly { readonly action: string; readonly source: string | undefined }[];
}

/** What a library that shares no code with the one that signs says of a PNG or JPEG. `undefined` where it finds no signature. */
export async function readAgain(file: Uint8Array): Promise<SecondReading | undefined> {
  const content = new Uint8Array(file);
  const asset: Asset = PNG.canRead(content) ? new PNG(content) : new JPEG(content);
  const box = asset.getManifestJUMBF();
  if (box === undefined) return undefined;
  const store = ManifestStore.read(SuperBox.fromBuffer(new Uint8Array(box)));
  const { isValid, statusEntries } = await store
    .validate(asset)
    .catch((error: Error) => ValidationResult.fromError(error));
  const assertion = store.getActiveManifest()?.assertions?.getAssertionsByLabel(AssertionLabels.actionsV2)[0];
  const { actions } = assertion as ActionAssertion;
  return {
    isValid,
    codes: statusEntries.map(({ code }) => String(code)),
    actions: actions.map(({ action, digitalSourceType }) => ({ action, source: digitalSourceType })),
  };
}
