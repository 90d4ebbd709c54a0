/** Fetches an address and prints the status of the answer, or what `networkFailure` makes of the error. */
import { networkFailure } from '../../src/system/network-failure.ts';

const url = new URL(process.argv[2] ?? '');
const found = await fetch(url).then(
  ({ status }) => status,
  (error: unknown) => networkFailure(error, { host: url.host }),
);
process.stdout.write(JSON.stringify(found));
