import { nobodyPaints } from '../../../../bot/replies/lack-text.ts';
import { inLanguage } from '../../../../texts/language.ts';
import type { Trouble } from '../../../adapter.ts';
import { notFound } from '../problems.ts';
import { route, type WebApp, type WebContext } from '../web-context.ts';

/** `/healthz` and `/readyz`, without guards: probes use the address instead of a name, and have no token. */
export function healthRoutes(app: WebApp, web: WebContext): void {
  route(app, '/healthz', { GET: (c) => c.json({ status: 'ok' }) });
  route(app, '/readyz', {
    GET: async (c) => {
      const { ready = () => true, surfaces = () => [] } = web.options;
      const paints = await ready();
      const isReady = paints && surfaces().every(({ trouble }) => trouble === undefined);
      const body = {
        status: statusOf(isReady),
        pipeline: paints
          ? { status: statusOf(true) }
          : { status: statusOf(false), reason: inLanguage('en', nobodyPaints) },
        surfaces: Object.fromEntries(surfaces().map(({ surface, trouble }) => [surface, surfaceJson(trouble)])),
      };
      return c.json(body, isReady ? 200 : 503);
    },
  });
}

function surfaceJson(trouble: Trouble | undefined): object {
  if (trouble === undefined) return { status: statusOf(true) };
  const { error, isLasting } = trouble;
  return { status: statusOf(false), code: error.code, reason: error.message, lasting: isLasting };
}

function statusOf(isReady: boolean): 'ready' | 'not ready' {
  return isReady ? 'ready' : 'not ready';
}

/** `/metrics` in the text format of Prometheus. */
export function metricsRoute(app: WebApp, web: WebContext): void {
  route(app, '/metrics', {
    GET: async (c) => {
      if (web.options.metrics === undefined) throw notFound('This server keeps no metrics.');
      const text = await web.options.metrics();
      return c.body(text, 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
    },
  });
}
