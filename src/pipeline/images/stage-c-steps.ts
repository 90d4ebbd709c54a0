import { DEFAULT_STAGE_C_STEPS, DEFAULT_STAGE_C_TIMESTEPS } from '../math/scheduler.ts';

/** So many equal steps of Stage C; or its timesteps and where it ends; `null` for `DEFAULT_STAGE_C_TIMESTEPS`. */
export type StageCSteps = number | readonly number[] | null;

const MOST = 201;

/** Whether a list is one of timesteps: numbers from 1 to 0, each below the one before it. */
export function isSchedule(value: unknown): value is readonly number[] {
  if (!Array.isArray(value) || value.length < 2 || value.length > MOST) return false;
  return value.every((one, i) => typeof one === 'number' && one >= 0 && (i === 0 ? one <= 1 : one < value[i - 1]));
}

export function stepCount(steps: StageCSteps): number {
  if (steps === null) return DEFAULT_STAGE_C_STEPS;
  return typeof steps === 'number' ? steps : steps.length - 1;
}

/** The timesteps of a schedule that is not of equal steps. */
export function timestepsOf(steps: StageCSteps): readonly number[] | undefined {
  return typeof steps === 'number' ? undefined : (steps ?? DEFAULT_STAGE_C_TIMESTEPS);
}
