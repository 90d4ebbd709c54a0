import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../system/errors.ts';
import { verdictOf } from './verdict.ts';
import type { ToVerify, Verified } from './verifier.ts';

const { file, trusted } = workerData as ToVerify;

try {
  parentPort?.postMessage({ verdict: await verdictOf(Buffer.from(file), trusted) } satisfies Verified);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  parentPort?.postMessage({ problem: { code: error.code, message: error.message } } satisfies Verified);
}
