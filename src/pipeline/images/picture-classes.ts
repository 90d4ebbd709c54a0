/** What the picture classifier tells apart, as its authors call it: `hentai` and `porn` are explicit, `sexy` is suggestive. */
export const PICTURE_CLASSES = ['drawing', 'hentai', 'neutral', 'porn', 'sexy'] as const;
export type PictureClass = (typeof PICTURE_CLASSES)[number];
