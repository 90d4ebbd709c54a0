import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Tensor } from '../math/tensor.ts';

/**
 * Hidden states [1, T, C] times the weight of each token, brought back to the mean that they had: the rule "original" of
 * A1111's web UI.
 *
 * @param weights [T]
 * @throws UserError `weights_too_large` where numbers cannot hold the result
 * @see https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/master/modules/sd_emphasis.py EmphasisOriginal
 */
export function weighStates({ data, dims }: Tensor, weights: Float32Array): Tensor {
  const channels = dims[2] ?? 1;
  const weighed = data.map((value, i) => value * (weights[Math.floor(i / channels)] ?? 1));
  const factor = Math.fround(mean(data) / mean(weighed));
  const restored = weighed.map((value) => value * factor);
  if (restored.every(Number.isFinite)) return { data: restored, dims };
  throw new UserError('weights_too_large', t('The weights of this prompt come to more than numbers can hold.'), {
    hint: t('Weights from 0 to 2 are usual, for example {example}.', { example: '(panda:1.3)' }),
  });
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
