import { methods } from '../methods.ts';
import { notFound } from '../problems.ts';
import type { WebApp, WebContext } from '../web-context.ts';

/** `/healthz` and `/readyz` say nothing that needs guarding: probes come by address and without a token. */
export function healthRoutes(app: WebApp, web: WebContext): void {
  methods(app, '/healthz', { GET: (c) => c.json({ status: 'ok' }) });
  methods(app, '/readyz', {
    GET: async (c) => {
      const ready = (await web.options.ready?.()) ?? true;
      return c.json({ status: ready ? 'ready' : 'not ready' }, ready ? 200 : 503);
    },
  });
}

/** `/metrics` in the text format of Prometheus. */
export function metricsRoute(app: WebApp, web: WebContext): void {
  methods(app, '/metrics', {
    GET: async (c) => {
      if (web.options.metrics === undefined) throw notFound('This server keeps no metrics.');
      const text = await web.options.metrics();
      return c.body(text, 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
    },
  });
}
