import * as z from 'zod';
import { type ApiKey, formatPlace, readPlace } from '../../../../bot/keys/api-key.ts';
import { formatKeyLimits, readKeyLimits } from '../../../../bot/keys/key-limits.ts';
import { t } from '../../../../texts/translate.ts';
import { adminCaller, operationsOf } from '../admin-access.ts';
import { readJson } from '../json-body.ts';
import { notFound } from '../problems.ts';
import { route, type WebApp, type WebContext } from '../web-context.ts';

const KEY = z.strictObject({
  name: z.string().max(200),
  place: z.string().max(200),
  limits: z.string().max(1000).default(''),
});

/** API keys: `POST /api/admin/keys` makes one, whose secret is in this answer alone. */
export function adminKeyRoutes(app: WebApp, web: WebContext): void {
  const keys = () => operationsOf(web).keys;
  route(app, '/api/admin/keys', {
    GET: (c) => c.json({ keys: keys().all().map(keyJson) }),
    POST: async (c) => {
      const { name, place, limits } = await readJson(c, KEY);
      const key = { name, ...readPlace(place), limits: readKeyLimits(limits) };
      const secret = keys().create(key, adminCaller(web, c));
      return c.json({ secret, keys: keys().all().map(keyJson) }, 201);
    },
  });
  route(app, '/api/admin/keys/:id', {
    DELETE: (c) => {
      const revoked = keys().revoke(c.req.param('id') ?? '', adminCaller(web, c));
      if (revoked === null) throw notFound(t('There is no key with this id.'));
      return c.json({ keys: keys().all().map(keyJson) });
    },
  });
}

function keyJson({ id, name, limits, createdAt, usedAt, webhook, surface, guild }: ApiKey) {
  const tells = webhook === undefined ? null : new URL(webhook).host;
  return {
    id,
    name,
    place: formatPlace({ surface, guild }),
    limits: formatKeyLimits(limits),
    createdAt,
    usedAt,
    tells,
  };
}
