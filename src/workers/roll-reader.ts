import type { Redis } from 'ioredis';
import {
  type Registration,
  ROLL,
  registration,
  registrationKey,
  type Verdict,
  verdict,
  verdictKey,
  workerId,
} from './roll.ts';
import { parsedJson } from './wire.ts';

/** A worker as Redis shows it. */
export interface ListedWorker {
  readonly id: string;
  /** Absent for one whose registration cannot be read, as of another version. */
  readonly registration?: Registration | undefined;
  /** Absent while no bot has answered. */
  readonly verdict?: Verdict | undefined;
}

/** Everyone who is on the roll, in the order of their names. */
export async function readRoll(redis: Redis): Promise<readonly ListedWorker[]> {
  const ids = (await redis.smembers(ROLL)).filter((id) => workerId.safeParse(id).success);
  if (ids.length === 0) return [];
  const texts = await redis.mget([...ids.map(registrationKey), ...ids.map(verdictKey)]);
  const workers = ids.flatMap((id, i): ListedWorker[] => {
    const [said, answer] = [texts[i], texts[ids.length + i]];
    // It is gone; the bot takes it from the roll.
    if (typeof said !== 'string') return [];
    return [
      {
        id,
        registration: registration.safeParse(parsedJson(said)).data,
        verdict: typeof answer === 'string' ? verdict.safeParse(parsedJson(answer)).data : undefined,
      },
    ];
  });
  const nameOf = ({ registration: worker, id }: ListedWorker) => worker?.name ?? id;
  return workers.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}
