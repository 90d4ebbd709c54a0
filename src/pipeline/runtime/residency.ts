/**
 * What stays loaded between uses.
 *
 * - *resident*: everything.
 * - *stage*: the network at work, of the text encoders and Stages C, B and A.
 * - *sequential*: the blocks at work; all others of its network are loaded again at the next step.
 */
export const RESIDENCIES = ['resident', 'stage', 'sequential'] as const;
export type Residency = (typeof RESIDENCIES)[number];

/**
 * `sequential` to `stage`, in time: the published model with 29 and 12 steps on two cores, 1.3 in 32 bits and 1.2 in 8, by
 * what loading and running each graph takes. More where a processor computes faster than it loads.
 */
export const USUAL_SLOWDOWN = 1.3;
