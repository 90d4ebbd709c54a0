import { listedAs, t } from '../../texts/translate.ts';
import { SUBCOMMANDS } from '../command/subcommands.ts';
import { type ImagineRequest, type Job, titleOf } from '../job.ts';
import { NOTICE, type Reply } from '../reply.ts';
import { ROW, rowsOf, secondary, shortened } from './job-reply.ts';

const LISTED = 10;
/** Rows of buttons in one message. */
const MOST_ROWS = 5;

/** Requests that wait for a yes. */
interface Question {
  readonly id: string;
  readonly requests: readonly ImagineRequest[];
  readonly notes: readonly string[];
}

/** Asks before several requests are made. */
export function confirmReply({ id, requests, notes }: Question): Reply {
  const pictures = requests.reduce((sum, { n }) => sum + n, 0);
  const shown = requests.slice(0, LISTED).map(({ prompt }) => shortened(prompt, 100));
  const more = requests.length > LISTED ? [t('and {count} more', { count: requests.length - LISTED })] : [];
  return {
    ...NOTICE,
    title: t('Make {count} request, {pictures} pictures in all? | Make {count} requests, {pictures} pictures in all?', {
      count: requests.length,
      pictures,
    }),
    lines: [...shown, ...more, ...notes],
    buttons: [
      [{ action: `confirm:${id}`, label: t('Make all {count}', { count: requests.length }), style: 'primary' }],
    ],
  };
}

/** Asks before what may have been meant as a command is painted. */
export function doubtReply({ id, requests, notes }: Question, meant: readonly string[]): Reply {
  const commands = Object.values(SUBCOMMANDS).map(({ usage }) => usage);
  const [only] = meant;
  const line =
    only === undefined
      ? t('Commands are {commands}.', { commands: listedAs('conjunction', commands) })
      : t('It looks like a command but is not one. The command is {command}', { command: `/wuerst ${only}` });
  return {
    ...NOTICE,
    title: t('Paint “{prompt}”?', { prompt: shortened(requests[0]?.prompt ?? '', 100) }),
    lines: [line, ...notes],
    buttons: [[{ action: `confirm:${id}`, label: t('Paint it'), style: 'primary' }]],
  };
}

export function confirmedReply(jobs: readonly Job[]): Reply {
  const buttons = jobs.slice(0, MOST_ROWS * ROW).map(({ id }, index) => secondary(`show:${id}`, `${index + 1}`));
  return {
    ...NOTICE,
    title: t('{count} request waits for its turn | {count} requests wait for their turn', { count: jobs.length }),
    lines: jobs.slice(0, LISTED).map(({ id, request }) => `${id}: ${shortened(titleOf(request), 100)}`),
    buttons: rowsOf(buttons),
  };
}
