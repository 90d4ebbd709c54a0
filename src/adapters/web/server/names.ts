import { UserError } from '../../../system/errors.ts';
import { notFound } from './problems.ts';

const ROOM = /^[A-Za-z0-9_-]{1,64}$/;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_USER_LENGTH = 64;
/** Control characters, line ends, and marks that turn the direction of the text around them. */
const UNSAFE_IN_NAMES = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

export function parseRoom(room: string): string {
  if (ROOM.test(room)) return room;
  throw new UserError('room_invalid', `"${room.slice(0, 80)}" cannot be the name of a room.`, {
    hint: 'Use 1 to 64 letters a-z, digits, - or _, for example "kitchen".',
  });
}

/** An id from a path. Whatever cannot be one is simply not found. */
export function parseId(id: string, what: string): string {
  if (ID.test(id)) return id;
  throw notFound(`There is no ${what} with this id.`);
}

export function parseUser(user: string | undefined): string {
  const name = (user ?? '').normalize('NFC').trim();
  if (name === '') {
    throw new UserError('user_missing', 'Nobody is named as the one who asks.', {
      hint: 'Say who you are: { "user": "ann", … }, or ?user=ann where there is no body.',
    });
  }
  if ([...name].length > MAX_USER_LENGTH || UNSAFE_IN_NAMES.test(name)) {
    throw new UserError('user_invalid', 'This cannot be the name of a user.', {
      hint: `Use 1 to ${MAX_USER_LENGTH} characters without line ends and control characters, for example "ann".`,
    });
  }
  return name;
}
