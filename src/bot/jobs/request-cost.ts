import { stepCount } from '../../pipeline/images/stage-c-steps.ts';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { ImagineRequest } from '../job.ts';
import { type RequestLimits, requestDefaults } from '../request-limits.ts';
import { type Estimator, workOf } from './estimator.ts';

interface Options {
  readonly estimator: Estimator;
  /** The most pictures of the usual size and steps that one request may cost; `null` for no limit. */
  readonly most: number | null;
  readonly limits: RequestLimits;
}

/**
 * Refuses a request that takes more time than so many ordinary pictures, whatever makes it costly.
 * @param seconds expected accelerator seconds of the request
 * @throws UserError `limit_cost`, with what would be accepted
 */
export function checkCost(request: ImagineRequest, seconds: number, options: Options): void {
  const { most } = options;
  if (most === null || costOf(seconds, options) <= most) return;
  throw new UserError(
    'limit_cost',
    t(
      'A request here may cost at most {count} picture of the usual size and steps; this one costs about {cost}. | A request here may cost at most {count} pictures of the usual size and steps; this one costs about {cost}.',
      { count: most, cost: Math.ceil(costOf(seconds, options)) },
    ),
    { hint: hintOf(request, most, options) },
  );
}

/** In pictures of the usual size and steps. Rounded, so that an ordinary picture costs exactly 1. */
function costOf(seconds: number, { estimator, limits }: Options): number {
  const ordinary = { ...requestDefaults(limits), prompt: '', seed: 0n, n: 1 };
  return Math.round((seconds / estimator.seconds(workOf(ordinary, null))) * 1e6) / 1e6;
}

/** With settings under which the request is accepted: as few are changed as possible, and as many pictures stay. */
function hintOf(request: ImagineRequest, most: number, options: Options): string {
  const { steps, decoderSteps, width, height } = requestDefaults(options.limits);
  const usualSteps = {
    steps: Math.min(stepCount(steps), stepCount(request.steps)),
    decoderSteps: Math.min(decoderSteps, request.decoderSteps),
  };
  const changes: readonly Partial<ImagineRequest>[] = [{}, usualSteps, { ...usualSteps, width, height }];
  for (const change of changes) {
    for (let { n } = request; n >= 1; n -= 1) {
      const changed = { ...request, ...change, n };
      const cost = costOf(options.estimator.seconds(workOf(changed, null)), options);
      if (cost <= most) {
        return t('For example {example}. The rule is the setting {setting}.', {
          example: settingsOf(changed, change),
          setting: 'cost',
        });
      }
    }
  }
  return t('Ask for fewer or smaller pictures, or for fewer steps. The rule is the setting {setting}.', {
    setting: 'cost',
  });
}

function settingsOf({ n, width, height }: ImagineRequest, change: Partial<ImagineRequest>): string {
  const { steps, decoderSteps } = change;
  return [
    `n:${n}`,
    ...(steps === undefined ? [] : [`steps:${steps}`, `decoder-steps:${decoderSteps}`]),
    ...(change.width === undefined ? [] : [`size:${width}x${height}`]),
  ].join(' ');
}
