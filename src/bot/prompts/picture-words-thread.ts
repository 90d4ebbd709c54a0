import { parentPort, workerData } from 'node:worker_threads';
import { readMetadata } from '../../pipeline/images/image-file.ts';

const texts = await readMetadata(Buffer.from(workerData as Uint8Array)).catch(() => null);
parentPort?.postMessage(texts);
