import type { Folds } from '../graph/blocks.ts';
import { attendsInPieces } from './fused-attention.ts';
import type { ProviderReport } from './providers.ts';

type Found = Pick<ProviderReport, 'provider' | 'fusedAttention'>;

/** Which of these savings are ones on a provider. */
export function usableFolds(
  folds: Folds,
  { provider, fusedAttention }: Found,
  inPieces = attendsInPieces(provider),
): Folds {
  return {
    ...folds,
    // Outputs can't stay on the device with CUDA, and the text's keys and values take longer to cross at every step of the
    // published Stage C (60.6 MB) than to be computed again (3 % of its arithmetic).
    conditioning: folds.conditioning && provider !== 'cuda',
    wholeAttention: folds.wholeAttention && fusedAttention && inPieces,
    fusedAttention: folds.fusedAttention && fusedAttention,
  };
}
