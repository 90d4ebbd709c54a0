import { PipelineCrashed, PipelineStopped } from '../../pipeline/process/client.ts';
import { OperatorError, UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { JobError } from '../history/history.ts';

/** A job that the pipeline process died of this often is given up. */
export const MAX_ATTEMPTS = 2;
/** After so many starts without a new picture a job is blamed for what ended them, although nothing shows that it was the cause. */
export const MAX_STARTS = 5;

/** What people are told of the error that a job failed with. */
export function jobErrorOf(error: unknown): JobError {
  if (error instanceof UserError || (error instanceof OperatorError && error.code === 'memory_short')) {
    const { code, message, hint } = error;
    return hint === undefined ? { code, message } : { code, message, hint };
  }
  if (error instanceof PipelineCrashed) {
    return {
      code: 'pipeline_crashed',
      message: t(
        'The painting process died {count} time over this request, so it was given up. | The painting process died {count} times over this request, so it was given up.',
        { count: MAX_ATTEMPTS },
      ),
      hint: t('Whoever runs this bot can read why in its log. A smaller picture may work.'),
    };
  }
  if (error instanceof PipelineStopped) {
    return {
      code: 'painters_lost',
      message: t(
        'This request lost its painter {count} time, so it was given up. | This request lost its painter {count} times, so it was given up.',
        { count: MAX_STARTS },
      ),
      hint: t('Whoever runs this bot can read why in its log. Trying again may work.'),
    };
  }
  if (isUnkept(error)) {
    return {
      code: error.code,
      message: t('The picture was made, but there was no place to keep it.'),
      hint: t('Whoever runs this bot has to free some space. Try again later; nothing was charged for it.'),
    };
  }
  return {
    code: 'internal',
    message: t('Something went wrong while this was being made.'),
    hint: t('It has been logged for whoever runs this bot. Trying again may work.'),
  };
}

/** A picture was made and could not be kept, which nobody is charged for. */
export function isUnkept(error: unknown): error is OperatorError {
  return error instanceof OperatorError && (error.code === 'disk_full' || error.code === 'image_unwritable');
}
