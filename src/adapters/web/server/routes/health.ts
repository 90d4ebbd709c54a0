import { notFound } from '../problems.ts';
import { route, type WebApp, type WebContext } from '../web-context.ts';

/** `/healthz` and `/readyz`, without guards: probes use the address instead of a name, and have no token. */
export function healthRoutes(app: WebApp, web: WebContext): void {
  route(app, '/healthz', { GET: (c) => c.json({ status: 'ok' }) });
  route(app, '/readyz', {
    GET: async (c) => {
      const ready = (await web.options.ready?.()) ?? true;
      return c.json({ status: ready ? 'ready' : 'not ready' }, ready ? 200 : 503);
    },
  });
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
