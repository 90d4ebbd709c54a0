import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { createMetrics } from '../../src/metrics.ts';
import { FakeCore, REQUEST } from '../adapters/fake-core.ts';
import { caller } from '../bot/history/history-fixture.ts';

const dashboard = z.object({
  panels: z.array(
    z.object({
      title: z.string(),
      targets: z.array(z.object({ expr: z.string(), legendFormat: z.string() })).default([]),
    }),
  ),
});

const WORDS = new Set(['by', 'or', 'sum', 'min', 'max', 'rate', 'delta', 'increase', 'vector', 'histogram_quantile']);
/** Of every series: Prometheus adds it to what it fetches. */
const OF_PROMETHEUS = ['job', 'instance'];

/** The metrics of a query, and every label that it names. */
function readQuery(query: string) {
  const labels = [...query.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name = '']) => name);
  const grouped = [...query.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/\s*,\s*/));
  const bare = query.replaceAll(/\{[^}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)|"[^"]*"/g, ' ');
  const metrics = [...bare.matchAll(/\b[a-zA-Z_]\w*/g)].map(([word]) => word).filter((word) => !WORDS.has(word));
  return { metrics, labels: [...labels, ...grouped] };
}

/** Each series that is there, with its labels, after one of everything has happened. */
async function seriesOfAll(): Promise<Map<string, Set<string>>> {
  const status = { state: 'ready', pid: process.pid, info: null, call: null, starts: 1, crashes: 0, hangs: 0 } as const;
  const painter = { name: 'gpu-1' };
  const metrics = createMetrics({ statuses: [status] }, [{ surface: 'web', trouble: undefined }], {
    painters: () => [{ painter, ready: true, busy: false }],
    workers: () => [{ id: 'w', registration: { name: 'gpu-2', stepSeconds: { prior: 0.1 } } }],
    waitingSeconds: () => [{ style: 'base', seconds: 3 }],
    bytes: async () => ({ database: 1, pictures: 2, free: 3 }),
    redis: () => true,
  });
  const core = new FakeCore();
  metrics.watch(core, []);
  for (const request of [REQUEST, REQUEST]) core.accept(request, caller());
  const [failing = ''] = core.jobsById.keys();
  core.started(failing);
  core.fail(failing, 'The disk is full.');
  const nothing = { text: 0, prior: 0, decoder: 0, vqgan: 0, encode: 0 };
  metrics.painted(
    { pictures: 1, width: 64, height: 64, units: { ...nothing, prior: 12 } },
    { ...nothing, prior: 120 },
    painter,
  );
  const series = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of (await metrics.render()).matchAll(/^([a-z_]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const known = series.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    series.set(name, known);
  }
  return series;
}

test('a query is read by its metrics and labels', () => {
  const query =
    'histogram_quantile(0.5, sum by (le, class) (rate(a_bucket{job=~"$job",x!="y z"}[$__rate_interval]))) / b';
  assert.deepEqual(readQuery(query), { metrics: ['a_bucket', 'b'], labels: ['job', 'x', 'le', 'class'] });
});

test('what Prometheus takes the increase of is there before the first time', async () => {
  const workers = () => [{ id: 'w', registration: { name: 'gpu-2', stepSeconds: {} } }];
  const text = await createMetrics({ statuses: [] }, [], { workers }).render();
  assert.match(text, /^wuerst_job_failures_total\{code="internal"\} 0$/m);
  assert.match(text, /^wuerst_worker_jobs_total\{painter="gpu-2",outcome="lost"\} 0$/m);
});

test('every query and legend of the dashboard, and every alarm, is about what /metrics has, and each of its own metrics is there', async () => {
  const file = await readFile(join(import.meta.dirname, '../../deploy/grafana-dashboard.json'), 'utf8');
  const targets = dashboard.parse(JSON.parse(file)).panels.flatMap((panel) => panel.targets);
  const series = await seriesOfAll();
  const shown = new Set<string>();
  assert.ok(targets.length > 20);
  for (const { expr, legendFormat } of targets) {
    const { metrics, labels } = readQuery(expr);
    assert.ok(metrics.length > 0, expr);
    const known = new Set(OF_PROMETHEUS);
    for (const metric of metrics) {
      assert.ok(series.has(metric), `${metric} in ${expr}`);
      for (const label of series.get(metric) ?? []) known.add(label);
      shown.add(metric.replace(/_(?:bucket|sum|count)$/, ''));
    }
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name);
    for (const label of [...labels, ...named]) assert.ok(known.has(label), `${label} in ${expr} ${legendFormat}`);
  }
  const alarms = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const queries = [...alarms.matchAll(/^\| `([^`]*wuerst_[^`]*)`/gm)].map(([, query = '']) => query);
  assert.ok(queries.length >= 5);
  for (const query of queries) for (const metric of readQuery(query).metrics) assert.ok(series.has(metric), query);
  const own = [...series.keys()]
    .filter((name) => name.startsWith('wuerst_'))
    .map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
  const unseen = new Set(own.filter((name) => !shown.has(name)));
  // Pictures are shown by painter, and processes by what goes wrong with them.
  assert.deepEqual(unseen, new Set(['wuerst_images_total', 'wuerst_pipeline_starts', 'wuerst_pipeline_ready']));
});
