import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Adapter } from './adapters/adapter.ts';
import type { Core } from './bot/core.ts';
import type { Job, JobEvent } from './bot/job.ts';
import { secondsOf, type Timings, type Work } from './bot/jobs/estimator.ts';
import type { Painter } from './bot/jobs/painter.ts';
import type { PainterView } from './bot/jobs/painters.ts';
import type { PipelineStatus } from './pipeline/process/client.ts';
import type { EngineStage } from './pipeline/process/protocol.ts';
import { residentBytes } from './system/resident-bytes.ts';
import type { WorkerEnd, WorkerView } from './workers/bot/roster.ts';
import type { Registration } from './workers/roll.ts';

export interface Metrics {
  /** Counts the events of jobs from now on. `waiting` are the jobs that wait already. */
  watch(core: Pick<Core, 'subscribe'>, waiting: readonly Job[]): void;
  /** Counts a painted request, or the part of it that one painter made. */
  painted(work: Work, timings: Timings, painter: Pick<Painter, 'name'>): void;
  /** Counts a job that a worker was given. */
  workerEnded(name: string, outcome: WorkerEnd): void;
  /** In the text format of Prometheus. */
  render(): Promise<string>;
}

/** Whether its model is loaded. */
export function isReady({ state }: PipelineStatus): boolean {
  return state === 'ready' || state === 'busy';
}

/** Seconds. */
const WAITS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400];
const STEPS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/** Codes of failures that the operator can mend. What is counted from 0 on shows its first one, too. */
const FAILURES = ['internal', 'pipeline_crashed', 'painters_lost', 'memory_short', 'disk_full', 'image_unwritable'];

/** Jobs of guilds and of direct messages wait under different rules. A label for each guild would be too many. */
function classOf({ caller }: Job): string {
  return `${caller.surface}-${caller.guild === null ? 'direct' : 'guild'}`;
}

/** Of a painter, and of a worker on another machine, what is shown. */
type WatchedPainter = Pick<PainterView, 'ready' | 'busy'> & { readonly painter: Pick<Painter, 'name'> };
type WatchedWorker = Pick<WorkerView, 'id'> & {
  readonly registration?: Pick<Registration, 'name' | 'stepSeconds'> | undefined;
};

/** What an operator watches. */
export interface PaintingFacts {
  readonly painters: () => readonly WatchedPainter[];
  /** On other machines. */
  readonly workers: () => readonly WatchedWorker[];
  readonly waitingSeconds: () => readonly { readonly style: string; readonly seconds: number }[];
  /** Of the data folder; `free` is what its disk has left. */
  readonly bytes: () => Promise<{ readonly database: number; readonly pictures: number; readonly free: number }>;
  /** Whether Redis answered when it was asked last. */
  readonly redis: () => boolean;
}

type Registers = Registry[];

function paintersGauges(painters: PaintingFacts['painters'], registers: Registers): void {
  const gauge = (name: string, help: string, value: (painter: WatchedPainter) => boolean) =>
    new Gauge({
      ...{ name, help, labelNames: ['painter'], registers },
      collect() {
        this.reset();
        for (const view of painters()) this.set({ painter: view.painter.name }, value(view) ? 1 : 0);
      },
    });
  gauge('wuerst_painter_ready', '1 while it can paint', ({ ready }) => ready);
  gauge('wuerst_painter_busy', '1 while it paints', ({ busy }) => busy);
}

function workerMetrics(workers: PaintingFacts['workers'], registers: Registers): Metrics['workerEnded'] {
  const named = () => workers().map((view) => ({ ...view, painter: view.registration?.name ?? view.id }));
  // Also of those that are gone: what was lost was lost with them.
  const jobs = new Counter({
    ...{ name: 'wuerst_worker_jobs_total', help: 'Jobs that a worker was given, by what became of them' },
    ...{ labelNames: ['painter', 'outcome'], registers },
    collect() {
      for (const { painter } of named()) {
        for (const outcome of ['done', 'lost']) this.inc({ painter, outcome }, 0);
      }
    },
  });
  new Gauge({
    ...{ name: 'wuerst_worker_step_seconds', help: 'Of its last job, one step of all that it painted at once' },
    ...{ labelNames: ['painter', 'stage'], registers },
    collect() {
      this.reset();
      for (const { painter, registration } of named()) {
        for (const [stage, seconds] of Object.entries(registration?.stepSeconds ?? {}))
          this.set({ painter, stage }, seconds);
      }
    },
  });
  return (painter, outcome) => jobs.inc({ painter, outcome });
}

function diskGauges(bytes: PaintingFacts['bytes'], registers: Registers): void {
  new Gauge({
    ...{ name: 'wuerst_data_bytes', help: 'Kept in the data folder', labelNames: ['kind'], registers },
    async collect() {
      const { database, pictures } = await bytes();
      this.set({ kind: 'database' }, database);
      this.set({ kind: 'pictures' }, pictures);
    },
  });
  new Gauge({
    ...{ name: 'wuerst_data_free_bytes', help: 'Left on the disk of the data folder', registers },
    async collect() {
      this.set((await bytes()).free);
    },
  });
}

/** Mixes of styles are as many as there are numbers. */
function labelOf(style: string): string {
  return /^[0-9.]+$/.test(style) ? 'mixed' : style;
}

/** What an operator watches, counted from the events of jobs: nothing else has to know about it. */
export function createMetrics(
  pipelines: { readonly statuses: readonly PipelineStatus[] },
  surfaces: readonly Pick<Adapter, 'surface' | 'trouble'>[] = [],
  { painters, workers, waitingSeconds, bytes, redis }: Partial<PaintingFacts> = {},
): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  /** By job: its class, and when it began to wait by `performance.now()`. */
  const queued = new Map<string, { readonly name: string; readonly since: number }>();
  const depth = new Gauge({
    ...{ name: 'wuerst_queue_depth', help: 'Jobs that wait, by class of guild', labelNames: ['class'], registers },
    collect() {
      this.reset();
      for (const { name } of queued.values()) this.inc({ class: name });
    },
  });
  const wait = new Histogram({
    ...{ name: 'wuerst_queue_wait_seconds', help: 'From being asked to being started, by class of guild' },
    ...{ labelNames: ['class'], buckets: WAITS, registers },
  });
  const jobs = new Counter({
    ...{ name: 'wuerst_jobs_total', help: 'Jobs that ended, by outcome' },
    ...{ labelNames: ['surface', 'outcome'], registers },
  });
  const failures = new Counter({
    ...{ name: 'wuerst_job_failures_total', help: 'Jobs that failed, by the code of the error' },
    ...{ labelNames: ['code'], registers },
  });
  for (const code of FAILURES) failures.inc({ code }, 0);
  const images = new Counter({ name: 'wuerst_images_total', help: 'Pictures that were made', registers });
  const ofPainter = (name: string, help: string) => new Counter({ name, help, labelNames: ['painter'], registers });
  const painted = ofPainter('wuerst_painter_images_total', 'Pictures that it made of requests that it was given');
  const seconds = ofPainter('wuerst_painter_seconds_total', 'Accelerator seconds that these took, without loading');
  const steps = new Histogram({
    ...{
      name: 'wuerst_step_seconds',
      help: 'One step of a stage, of which a guided picture needs two; of stages without steps, one picture',
    },
    ...{ labelNames: ['stage'], buckets: STEPS, registers },
  });
  const ofProcess = (name: string, help: string, value: (status: PipelineStatus) => number) =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(pipelines.statuses.reduce((sum, status) => sum + value(status), 0));
      },
    });
  ofProcess('wuerst_pipeline_starts', 'Pipeline processes started', ({ starts }) => starts);
  ofProcess('wuerst_pipeline_crashes', 'Pipeline processes that died or were ended as hung', ({ crashes }) => crashes);
  ofProcess('wuerst_pipeline_hangs', 'Pipeline processes that were ended as hung', ({ hangs }) => hangs);
  ofProcess('wuerst_pipeline_resident_bytes', 'Memory that pipeline processes have, on Linux', ({ pid }) =>
    pid === null ? 0 : residentBytes(pid),
  );
  ofProcess('wuerst_pipeline_ready', 'Pipeline processes with a model loaded', (status) => (isReady(status) ? 1 : 0));
  const surfaceReady = new Gauge({
    ...{ name: 'wuerst_surface_ready', help: '1 while people can be served there', labelNames: ['surface'], registers },
    collect() {
      for (const { surface, trouble } of surfaces) this.set({ surface }, trouble === undefined ? 1 : 0);
    },
  });
  surfaceReady.reset();
  depth.reset();
  if (painters) paintersGauges(painters, registers);
  const workerEnded = workers && workerMetrics(workers, registers);
  if (bytes) diskGauges(bytes, registers);
  if (redis) {
    new Gauge({
      ...{ name: 'wuerst_redis_up', help: '1 while Redis answers', registers },
      collect() {
        this.set(redis() ? 1 : 0);
      },
    });
  }
  if (waitingSeconds) {
    new Gauge({
      ...{ name: 'wuerst_queue_seconds', help: 'Estimated accelerator seconds of the jobs that wait, by style' },
      ...{ labelNames: ['style'], registers },
      collect() {
        this.reset();
        for (const { style, seconds } of waitingSeconds()) this.inc({ style: labelOf(style) }, seconds);
      },
    });
  }

  const count = (event: JobEvent) => {
    const { job } = event;
    if (event.seq === null) return;
    const waited = queued.get(job.id);
    if (event.type === 'queued') queued.set(job.id, { name: classOf(job), since: waited?.since ?? performance.now() });
    else queued.delete(job.id);
    if (event.type === 'started' && waited) {
      wait.observe({ class: waited.name }, (performance.now() - waited.since) / 1000);
    }
    if (event.type === 'image') images.inc();
    if (event.type === 'done' || event.type === 'failed' || event.type === 'cancelled') {
      jobs.inc({ surface: job.caller.surface, outcome: event.type });
    }
    if (event.type === 'failed') failures.inc({ code: job.error?.code ?? 'unknown' });
  };

  return {
    watch(core, waiting) {
      // How long they waited for an earlier bot is known by the machine's clock alone.
      for (const job of waiting) {
        const waited = Math.max(0, Date.now() - job.createdAt);
        queued.set(job.id, { name: classOf(job), since: performance.now() - waited });
      }
      core.subscribe(count);
    },
    painted(work, timings, painter) {
      painted.inc({ painter: painter.name }, work.pictures);
      seconds.inc({ painter: painter.name }, secondsOf(timings));
      for (const [stage, units] of Object.entries(work.units)) {
        const ms = timings[stage as EngineStage];
        if (ms !== undefined && units > 0) steps.observe({ stage }, ms / 1000 / units);
      }
    },
    workerEnded: (name, outcome) => workerEnded?.(name, outcome),
    render: () => registry.metrics(),
  };
}
