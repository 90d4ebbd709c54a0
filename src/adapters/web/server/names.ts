import { isProgram } from '../../../bot/keys/api-key.ts';
import { UserError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';
import { notFound } from './problems.ts';

/** The form of room names and of the ids of jobs and images. */
const PLAIN_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_USER_LENGTH = 64;
/** Control characters, line breaks, and marks that reverse the direction of the text around them. */
const UNSAFE_IN_NAMES = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Throws `UserError` `room_invalid`. */
export function parseRoom(room = ''): string {
  if (PLAIN_NAME.test(room)) return room;
  throw new UserError('room_invalid', t('{room} is not a valid room name.', { room: `"${room.slice(0, 80)}"` }), {
    hint: t('Use 1 to 64 letters (a-z, A-Z), digits, hyphens or underscores, for example {example}.', {
      example: '"kitchen"',
    }),
  });
}

/** An id from a path. Throws `not_found` for what cannot be one. */
export function parseId(id = '', what: 'job' | 'image'): string {
  if (PLAIN_NAME.test(id)) return id;
  throw notFound(what === 'job' ? t('There is no job with this id.') : t('There is no image with this id.'));
}

/** Throws `UserError` `user_missing` or `user_invalid`. */
export function parseUser(user = ''): string {
  const name = user.normalize('NFC').trim();
  if (name === '') {
    throw new UserError('user_missing', 'The request names no user.', {
      hint: 'Add "user": "ann" to the body, or ?user=ann to the address where there is no body.',
    });
  }
  if ([...name].length > MAX_USER_LENGTH || UNSAFE_IN_NAMES.test(name) || isProgram({ user: name })) {
    throw new UserError('user_invalid', t('This is not a valid user name.'), {
      hint: t('Use 1 to {most} characters without line breaks and control characters, for example {example}.', {
        most: MAX_USER_LENGTH,
        example: '"ann"',
      }),
    });
  }
  return name;
}
