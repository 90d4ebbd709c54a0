import { OperatorError, UserError } from '../../system/errors.ts';
import { reasonOf } from '../../system/foreign-words.ts';
import { t } from '../../texts/translate.ts';
import { isShortage } from '../pipelines/shortage.ts';
import { EngineLost } from '../process/protocol.ts';
import type { Provider } from '../runtime/providers.ts';

const DEVICE = /cuda|cudnn|cublas|webgpu|dawn|vulkan|dxgi|device.{0,20}(lost|hung|removed)/i;

/**
 * What an error of onnxruntime means: memory ran out, or an accelerator's driver is in a state in which every
 * later call would fail too. Other errors are returned as they are.
 */
export function asEngineFailure(error: unknown, provider: Provider): unknown {
  if (!(error instanceof Error) || error instanceof UserError || error instanceof OperatorError) return error;
  if (isShortage(error)) {
    return new OperatorError(
      'no_memory',
      () =>
        t('There is not enough memory for this picture on {provider}: {reason}', { provider, reason: reasonOf(error) }),
      {
        hint: () => t('Ask for a smaller size, or close what else uses the memory.'),
        cause: error,
      },
    );
  }
  return provider !== 'cpu' && DEVICE.test(error.message) ? new EngineLost(error.message, { cause: error }) : error;
}
