/**
 * The gallery's searches with 100,000 pictures, each with the page of pictures that it shows.
 * Run with `node --import tsx bench/gallery.ts [pictures]`.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { History } from '../src/bot/history/history.ts';
import type { PictureSearch } from '../src/bot/history/picture-words.ts';
import type { ImagineRequest } from '../src/bot/job.ts';

const PICTURES = Number(process.argv[2] ?? 100_000);
/** Pictures of a request. */
const N = 4;
/** A twentieth of all is asked for elsewhere. */
const ROOMS = 20;
const PAGE = 100;
const ROUNDS = 40;

const generation = new URL('../data/models/cocktail/generation_config.json', import.meta.url);
const words: readonly string[] = JSON.parse(readFileSync(generation, 'utf8')).words;
let state = 1;
/** The same numbers each time, from 0 to below `limit`. */
function draw(limit: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((state / 2 ** 31) * limit);
}
const word = () => words[draw(words.length)] ?? '';

function requestOf(seed: number): ImagineRequest {
  const size = draw(2) === 0 ? { width: 1024, height: 1024 } : { width: 1024, height: 1536 };
  return {
    ...{ prompt: `a ${word()} ${word()} on a ${word()} background, ${word()} ${word()}`, negative: word(), ...size },
    ...{ n: N, style: ['base', 'aesthetic', 'interpolated'][draw(3)] ?? 'base', seed: BigInt(seed), steps: null },
    ...{ decoderSteps: 12, guidance: 3 + draw(6) / 2, decoderGuidance: 0, spoiler: false },
  };
}

function fill(history: History): void {
  const insert = history.database.statement(
    'INSERT INTO images (id, job, idx, seed, width, height, hash, at) VALUES (?, ?, ?, ?, ?, ?, ?, 0)',
  );
  for (let done = 0; done < PICTURES; done += N) {
    history.atomically(() => {
      const user = `user${draw(50)}`;
      const room = draw(ROOMS) === 0 ? 'kitchen' : 'lobby';
      const caller = { surface: 'web', user, name: user, room, guild: room, payer: user } as const;
      const request = requestOf(done);
      const { arrival } = history.jobs.accept({
        ...{ caller: { ...caller, moderator: false, ageRestricted: false }, request },
        ...{ derivation: null, notes: [], estimate: 1 },
      });
      for (let index = 0; index < N; index += 1) {
        const id = `p${done + index}`;
        const hash = createHash('sha256').update(id).digest('hex');
        insert.run(id, arrival, index, String(done + index), request.width, request.height, hash);
      }
    });
  }
}

interface Times {
  readonly wall: number;
  /** Of the processor, which a busy machine does not change. */
  readonly own: number;
}

function timed(work: () => unknown): readonly Times[] {
  return Array.from({ length: ROUNDS }, () => {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    work();
    const { user, system } = process.cpuUsage(cpu);
    return { wall: performance.now() - start, own: (user + system) / 1000 };
  });
}

function told(times: readonly Times[]): string {
  const figures = (['own', 'wall'] as const).map((which) => {
    const millis = times.map((time) => time[which]).sort((a, b) => a - b);
    const quantile = (q: number) => (millis[Math.ceil(q * millis.length) - 1] ?? 0).toFixed(1);
    return `${quantile(0.5)} and ${quantile(0.99)} ms ${which === 'own' ? 'of the processor' : 'in all'}`;
  });
  return `median and p99 ${figures.join(', ')}`;
}

const folder = mkdtempSync(join(tmpdir(), 'wuerst-bench-'));
const history = History.open({ folder });
try {
  const start = performance.now();
  fill(history);
  console.log(`${PICTURES} pictures in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  const all: Times[] = [];
  const search = (what: string, text: () => string, more: Partial<PictureSearch> = {}, offset = () => 0) => {
    const where: PictureSearch = { surface: 'web', of: { room: 'lobby' } };
    const times = timed(() =>
      history.gallery.search({ ...where, text: text(), ...more }, { offset: offset(), limit: PAGE, for: 'user1' }),
    );
    all.push(...times);
    console.log(`${what}: ${told(times)}`);
  };
  for (let liked = 0; liked < PICTURES; liked += 50) {
    history.gallery.like(`p${liked}`, { surface: 'web', user: 'user1' });
  }
  search('the newest', () => '');
  search(
    'anywhere in the list',
    () => '',
    {},
    () => draw(PICTURES * 0.9),
  );
  search('one word', word);
  search('the beginning of a word', () => word().slice(0, 1 + draw(3)));
  search('a word of every picture', () => 'a');
  search('two words', () => `${word()} ${word()}`);
  search('a phrase', () => `"on a ${word()} background"`);
  search('a setting', () => `style:base guidance:${3 + draw(6) / 2}`);
  search('a seed', () => `seed:${draw(PICTURES)}`);
  search('without a word', () => `background -${word()}`);
  search(
    'deep in what was found',
    () => 'background',
    {},
    () => draw(PICTURES * 0.9),
  );
  search('in a small room', () => 'background', { of: { room: 'kitchen' } });
  search('of a person', word, { of: { user: 'user3' } });
  search('favourites', () => '', { likedBy: 'user1' });
  console.log(`all searches: ${told(all)}`);
} finally {
  history.close();
  rmSync(folder, { recursive: true, force: true });
}
