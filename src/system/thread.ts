import { Worker } from 'node:worker_threads';

/**
 * Starts a module of this program as a thread of its own.
 *
 * @param entry URL of the module: `.js` in the built package, `.ts` in the sources, which tsx runs
 * @param workerData what the module finds under this name in `node:worker_threads`
 * @param given of `workerData`, what goes to the thread and is not copied
 */
export function startThread(entry: URL, workerData: unknown, given: readonly ArrayBuffer[] = []): Worker {
  const options = { execArgv: [], workerData, transferList: [...given] };
  return new Worker(entry.pathname.endsWith('.ts') ? withTsx(entry) : entry, options);
}

/** tsx takes part in the main thread alone, whatever options a thread is started with. */
function withTsx(entry: URL): URL {
  const [api, module] = [import.meta.resolve('tsx/esm/api'), entry.href].map((url) => JSON.stringify(url));
  const program = `import { tsImport } from ${api}; await tsImport(${module}, ${module});`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}
