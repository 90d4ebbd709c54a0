/** How much of a picture to start from is painted anew, where nothing is said. */
export const DEFAULT_STRENGTH = 0.6;
/** Pictures that are blended at most. */
export const MAX_START_PICTURES = 3;
/** Weights of pictures go up to this. */
export const MAX_START_WEIGHT = 10;
