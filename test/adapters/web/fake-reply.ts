import type { Eta, Job } from '../../../src/bot/job.ts';
import { type Button, EMPTY_REPLY, type Reply } from '../../../src/bot/reply.ts';

export interface LiveState {
  readonly position: number | null;
  readonly eta: Eta | null;
  readonly fraction: number;
  readonly label: string;
  readonly preview: Uint8Array | null;
  readonly previewOf?: readonly number[];
}

export function fakeJobReply(job: Job, live: LiveState | undefined): Reply {
  const base = { ...EMPTY_REPLY, title: job.request.prompt, lines: job.notes };
  if (job.state === 'failed')
    return { ...base, tone: 'error', lines: [job.error?.message ?? '', job.error?.hint ?? ''] };
  if (job.state === 'cancelled') return { ...base, lines: ['Cancelled.'], buttons: [[reroll(job)]] };
  const images = shownImages(job);
  if (job.state === 'done') return { ...base, images, buttons: doneButtons(job) };
  const label = job.state === 'queued' ? `Waiting, position ${live?.position ?? 1}` : (live?.label ?? 'Starting');
  return {
    ...base,
    images,
    progress: { fraction: live?.fraction ?? 0, label },
    eta: live?.eta ?? null,
    preview: live?.preview ?? null,
    previewOf: live?.previewOf ?? [],
    buttons: [[{ action: `cancel:${job.id}`, label: 'Cancel', style: 'secondary' }]],
  };
}

function shownImages(job: Job): Reply['images'] {
  return job.images
    .filter((image) => !image.deleted)
    .map((image) => ({
      id: image.id,
      fileName: `picture-${image.seed}.png`,
      width: image.width,
      height: image.height,
      alt: job.request.prompt,
      spoiler: job.request.spoiler,
    }));
}

function doneButtons(job: Job): Button[][] {
  const shown = job.images.filter((image) => !image.deleted);
  const picks = shown.map(
    ({ id, index }): Button => ({ action: `show:${id}`, label: `Picture ${index + 1}`, style: 'secondary' }),
  );
  const rows = shown.map(({ id, index }): Button[] => {
    const named = (verb: string, short: string): Button => ({
      action: `${verb}:${id}`,
      label: `${short} ${index + 1}`,
      short,
      style: 'secondary',
    });
    return [
      named('vary-subtle', 'Vary subtle'),
      named('vary-strong', 'Vary strong'),
      named('larger', 'Larger'),
      {
        ...named('remix', 'Remix'),
        ask: { title: 'Remix', label: 'Prompt', value: job.request.prompt, maxLength: 2000 },
      },
      named('info', 'Info'),
    ];
  });
  return [
    [reroll(job), { action: `delete:${job.id}`, label: 'Delete', style: 'danger', confirm: 'Delete these pictures?' }],
    ...(shown.length > 4 ? [picks] : []),
    ...rows,
  ];
}

function reroll(job: Job): Button {
  return { action: `reroll:${job.id}`, label: 'Reroll', style: 'primary' };
}
