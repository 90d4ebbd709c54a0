import type { PipelineClient } from '../../pipeline/process/client.ts';
import type { Painter } from './painter.ts';

/** The pipeline process that a client keeps running, as a painter. */
export function processPainter(
  client: Pick<PipelineClient, 'status' | 'generate'>,
  identity: Pick<Painter, 'id' | 'name' | 'hardware'>,
): Painter {
  return {
    ...identity,
    get status() {
      const { info, state } = client.status;
      return { info, ready: state === 'ready' || state === 'busy' };
    },
    generate: (request, options) => client.generate(request, options),
  };
}
