import { readFileSync } from 'node:fs';
import { createEngine as createRealEngine } from '../src/pipeline/engine/engine.ts';
import type { Engine, EngineEvent, EngineRequest, GenerateContext } from '../src/pipeline/process/protocol.ts';
import { pause, systemClock } from '../src/system/clock.ts';

/** Holds the stage to hold at; absent where nothing is held. */
const FILE = new URL(import.meta.url).searchParams.get('file') ?? '';

function heldStage(): string | undefined {
  try {
    return readFileSync(FILE, 'utf8');
  } catch {
    return undefined;
  }
}

/** The real engine. It waits where a test wants to look, however long that takes, from the first step that shows something. */
export function createEngine(): Engine {
  const engine = createRealEngine();
  return {
    load: (options, context) => engine.load(options, context),
    async *generate(request: EngineRequest, context: GenerateContext): AsyncGenerator<EngineEvent, void> {
      let isSeen = false;
      for await (const event of engine.generate(request, context)) {
        yield event;
        if (event.type !== 'step') continue;
        isSeen ||= event.preview !== null;
        while (isSeen && event.stage === heldStage()) {
          // Not hung, and it can be cancelled.
          await context.announce('held', 0);
          await pause(systemClock, 20);
        }
      }
    },
  };
}
