import * as z from 'zod';

/** What the picture classifier tells apart; the last three are people as the classes of photographs call them. */
export const PICTURE_CLASSES = ['drawing', 'hentai', 'neutral', 'porn', 'sexy'] as const;
export type PictureClass = (typeof PICTURE_CLASSES)[number];

const share = z.number().min(0).max(1);
const classifier = z.string().max(100);

/** What the picture classifier found in a picture, or why it could not look. */
export const pictureVerdict = z.union([
  z.strictObject({
    /** Name and version. */
    classifier,
    /** Not safe for work, by the probabilities and the thresholds that held. */
    explicit: z.boolean(),
    /** Probabilities, which sum to 1. */
    shares: z.strictObject(
      Object.fromEntries(PICTURE_CLASSES.map((name) => [name, share])) as Record<PictureClass, typeof share>,
    ),
  }),
  z.strictObject({ classifier, problem: z.string().max(1000) }),
]);
export type PictureVerdict = z.output<typeof pictureVerdict>;

/** Whether a picture counts as not safe for work: what could not be looked at does. */
export function isExplicit(verdict: PictureVerdict): boolean {
  return 'problem' in verdict || verdict.explicit;
}
