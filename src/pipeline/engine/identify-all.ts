import type { Identity } from '../checkpoint/fingerprint.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import type { Hashes, Weights } from '../process/protocol.ts';

/** All weights of a model, as far as they are known. */
export interface IdentifiedWeights {
  readonly known: Weights;
  /** Calls back whenever the bytes of more of them have all been read. */
  onKnown(listener: (known: Weights) => void): void;
}

/**
 * Identifies all weights that pictures can be made with, without waiting for large ones to be read: that is done in the background, one
 * part after the other, those of the first style first.
 *
 * @param further styles besides the pipeline's own, and the image encoder; one that cannot be opened is left out: whoever uses it is told
 */
export async function identifyAll(
  pipeline: Pick<WuerstchenCombinedPipeline, 'identify'>,
  further: readonly string[],
): Promise<IdentifiedWeights> {
  const first = await pipeline.identify();
  const parts = new Map<string, Identity>();
  let after = first.whole;
  for (const part of further) {
    const identity = await pipeline.identify(part, { after }).catch(() => undefined);
    if (identity === undefined) continue;
    parts.set(part, identity);
    after = identity.whole ?? after;
  }
  let known: Weights = {
    ...hashesIn(first),
    further: Object.fromEntries([...parts].map(([part, identity]) => [part, hashesIn(identity)])),
  };
  return {
    known,
    onKnown(listener) {
      const learn = (more: (known: Weights, checkpoint: string) => Weights) => (checkpoint: string) => {
        known = more(known, checkpoint);
        listener(known);
      };
      first.whole?.then(
        learn((before, checkpoint) => ({ ...before, checkpoint })),
        ignored,
      );
      for (const [part, identity] of parts) {
        const withPart = (before: Weights, checkpoint: string): Weights => ({
          ...before,
          further: { ...before.further, [part]: { ...hashesIn(identity), checkpoint } },
        });
        identity.whole?.then(learn(withPart), ignored);
      }
    },
  };
}

function hashesIn({ checkpoint, former }: Identity): Hashes {
  return { checkpoint, formerCheckpoints: former };
}

/** Weights that cannot be read whole keep the hash that they have. */
function ignored(): void {}
