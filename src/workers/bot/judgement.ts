import * as z from 'zod';
import { type Difference, differenceOf, type Weights } from '../../pipeline/process/weights.ts';
import { translatable } from '../../texts/translate.ts';
import { botId, type Registration, registration, type Verdict } from '../roll.ts';
import { type Said, saying } from '../said.ts';
import { parsedJson } from '../wire.ts';

/** What the operator has ordered about workers, by their names. */
export type Orders = Readonly<Record<string, 'drain' | 'ban'>>;

export interface Standards {
  /** Of this program. */
  readonly version: string;
  /** This bot's id. */
  readonly bot: string;
  /** What the bot paints with; `null` while its own process loads that, `undefined` where the first worker decides. */
  readonly info: Weights | null | undefined;
  readonly orders: Orders;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** Absent for one that does not fit the schema. */
  readonly registration?: Registration;
}

const versioned = z.object({ version: z.string().max(50), name: z.string().max(64) });
const ofBot = z.object({ bot: botId });

/** Decides about a worker from what it wrote; `undefined` while that cannot be decided, and for one of another bot. */
export function judge(text: string, { version, bot, info, orders }: Standards): Judgement | undefined {
  const said = parsedJson(text);
  if ((ofBot.safeParse(said).data?.bot ?? bot) !== bot) return undefined;
  const read = registration.safeParse(said);
  const { name = 'unknown', version: theirs = 'unknown' } = versioned.safeParse(said).data ?? {};
  if (theirs !== version) {
    const text = translatable(
      'The worker {name} runs wuerst {theirs}, and this bot {ours}: pictures could differ. Install {ours} there.',
    );
    return refused(saying(text, { name, theirs, ours: version }), read.data);
  }
  if (!read.success) return refused(saying(translatable('The registration of this worker cannot be read.')));
  const worker = read.data;
  if (orders[name] === 'ban') {
    return refused(
      saying(
        translatable(
          'The operator has banned the worker {name}; "wuerst workers admit {name}" at the bot takes that back.',
        ),
        { name },
      ),
      worker,
    );
  }
  // Its model is still loading.
  if (info === null || worker.checkpoint === '') return undefined;
  const difference = info && differenceOf(info, worker);
  if (difference) return refused(otherWeights(name, difference), worker);
  const state = orders[name] === 'drain' || worker.leaving ? 'draining' : 'accepted';
  return { verdict: { state }, registration: worker };
}

function otherWeights(name: string, { part, own, other }: Difference): Said {
  const [ours, theirs] = [own, other].map((hash) => hash.slice(0, 12)) as [string, string];
  if (part === null) {
    const text = translatable(
      'The worker {name} has other weights ({theirs}) than this bot and its workers paint with ({ours}): its pictures would be others. Give it the same model.',
    );
    return saying(text, { name, theirs, ours });
  }
  const text = translatable(
    'The worker {name} has other weights of {part} ({theirs}) than this bot and its workers paint with ({ours}): its pictures would be others. Give it the same model.',
  );
  return saying(text, { name, part, theirs, ours });
}

function refused(reason: Said, registration?: Registration): Judgement {
  const verdict = { state: 'refused', reason } as const;
  return registration === undefined ? { verdict } : { verdict, registration };
}
