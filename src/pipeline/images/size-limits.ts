/** Bounds of a picture, in pixels. */
export interface SizeLimits {
  readonly minSide: number;
  readonly maxSide: number;
  /** Width × height. */
  readonly maxPixels: number;
}

/** Below this a picture shows nothing; above these the reference was never trained and memory runs out. */
export const SIZE_LIMITS: SizeLimits = { minSide: 64, maxSide: 4096, maxPixels: 3072 * 3072 };
