import type { Caller } from '../../../src/bot/job.ts';

export function webCallerOf(room: string, user = 'ann'): Caller {
  return { surface: 'web', user, name: user, room, guild: room, payer: room, moderator: true, ageRestricted: false };
}
