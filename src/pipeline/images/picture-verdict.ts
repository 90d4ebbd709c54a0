import * as z from 'zod';
import { PICTURE_CLASSES, type PictureClass } from './picture-classes.ts';

const share = z.number().min(0).max(1);
/** Name and version. */
const classifier = z.string().max(200);

/** What the picture classifier found in a picture, or why it could not look. */
export const pictureVerdict = z.union([
  z.strictObject({
    classifier,
    /** Not safe for work, by the thresholds that held when it was made. */
    explicit: z.boolean(),
    /** Probabilities, which sum to 1. */
    shares: z.strictObject(
      Object.fromEntries(PICTURE_CLASSES.map((name) => [name, share])) as Record<PictureClass, typeof share>,
    ),
  }),
  z.strictObject({ classifier, problem: z.string().max(1000) }),
]);
export type PictureVerdict = Readonly<z.output<typeof pictureVerdict>>;

/** Whether a picture counts as not safe for work: what could not be looked at does. */
export function isDoubtful(verdict: PictureVerdict): boolean {
  return 'problem' in verdict || verdict.explicit;
}
