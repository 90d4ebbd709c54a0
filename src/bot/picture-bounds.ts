import { MAX_PICTURE_BYTES } from '../pipeline/images/picture-kind.ts';
import { MAX_START_PICTURES } from '../pipeline/images/start-limits.ts';

/** What adapters fetch and take of given pictures; what is wrong with one is for `Core.givePicture` to say. */
export const PICTURE_BOUNDS = {
  /** Bytes of one file. */
  bytes: MAX_PICTURE_BYTES,
  /** Pictures that one command starts from; a mask may come with one. */
  pictures: MAX_START_PICTURES,
  /** Bytes of all files of one command. */
  allBytes: 2 * MAX_PICTURE_BYTES,
} as const;
