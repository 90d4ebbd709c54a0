/**
 * One guild asks for 500 pictures, then nine guilds for one each, of the embedded model: how many jobs start before each of
 * the nine. The bound is the job that runs and one of each other active guild.
 * Run with `node --import tsx bench/fairness.ts`.
 */
import { performance } from 'node:perf_hooks';
import { allEnded, ask, guest, withRealBot } from './real-bot.ts';

const FLOOD = 500;
const GUESTS = 9;
const SMALL = 'size:256x256 steps:4 decoder-steps:2';

await withRealBot(async (bot) => {
  const { studio } = bot;
  await studio.command('settings guild-jobs:none user-jobs:none', guest('flood'));
  const started: string[] = [];
  studio.subscribe(({ type, job }) => type === 'started' && started.push(job.caller.room));
  const flood = [];
  for (let k = 0; k < FLOOD; k += 1) flood.push(await ask(bot, `a fox ${k} ${SMALL}`, guest('flood')));
  const arrived = started.length;
  const start = performance.now();
  const rooms = Array.from({ length: GUESTS }, (_, k) => `guest${k}`);
  await allEnded(bot, await Promise.all(rooms.map((room) => ask(bot, `a fox ${SMALL}`, guest(room)))));
  const seconds = (performance.now() - start) / 1000;
  const order = started.slice(arrived);
  // The one that was running when they came counts too.
  const before = rooms.map((room) => order.indexOf(room) + 1);
  const bound = 1 + GUESTS;
  console.log(`${studio.waiting} of ${FLOOD} still wait after ${seconds.toFixed(1)} s`);
  console.log(`jobs that ran or started before each guest's: ${before.join(', ')}; the bound is ${bound}`);
  if (before.some((count) => count < 1 || count > bound)) throw new Error('a guest waited for longer than the bound');
  for (const { id } of flood) {
    const state = studio.job(id)?.state;
    if (state === 'queued' || state === 'running') await studio.act(`cancel:${id}`, guest('flood'));
  }
});
