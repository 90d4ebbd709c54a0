import type { Identity } from '../checkpoint/fingerprint.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import type { Hashes, Weights } from '../process/weights.ts';

/** The pipeline's own style, among the parts. */
const FIRST = '';

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
  const identities = new Map([[FIRST, first]]);
  let after = first.whole;
  for (const part of further) {
    const identity = await pipeline.identify(part, { after, isNew: true }).catch(() => undefined);
    if (identity === undefined) continue;
    identities.set(part, identity);
    after = identity.whole ?? after;
  }
  const hashes = new Map([...identities].map(([part, identity]) => [part, hashesIn(identity)]));
  const known = (): Weights => {
    const { [FIRST]: ofFirst = hashesIn(first), ...others } = Object.fromEntries(hashes);
    return { ...ofFirst, further: others };
  };
  return {
    known: known(),
    onKnown(listener) {
      for (const [part, { whole, former }] of identities) {
        whole?.then((checkpoint) => {
          hashes.set(part, { checkpoint, formerCheckpoints: former });
          listener(known());
        }, ignored);
      }
    },
  };
}

function hashesIn({ checkpoint, former }: Identity): Hashes {
  return { checkpoint, formerCheckpoints: former };
}

/** Weights that cannot be read whole keep the hash that they have. */
function ignored(): void {}
