import { KEYS, type Key, type KeyName, type RequestSettings } from '../../../../bot/command/keys.ts';
import { settingSpans } from '../../../../bot/command/read-settings.ts';
import type { RequestLimits } from '../../../../bot/request-limits.ts';
import { t } from '../../../../texts/translate.ts';
import { parseRoom } from '../names.ts';
import { callerOf, route, type WebApp, type WebContext, type WebRequest } from '../web-context.ts';

const MAX_TEXT = 4000;

/** Of the settings that the page offers beside the prompt. */
const OFFERED: readonly KeyName[] = ['size', 'style', 'n', 'seed', 'guidance', 'steps', 'preset', 'lora'];

/**
 * `GET /api/settings?room=…&user=…`: what can be chosen beside the prompt.
 * `GET /api/settings/in?text=…&room=…&user=…`: what a text chooses, and where in it.
 */
export function settingsRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/settings', {
    GET: (c) => {
      const limits = limitsFor(web, c);
      const offered = KEYS.filter(({ name }) => OFFERED.includes(name)).map((key) => keyJson(key, limits));
      const native = limits.recommended.nativeSizes.map((size) => size.join('x'));
      return c.json({ settings: offered, native, startsFromPictures: limits.startsFromPictures === true });
    },
  });
  route(app, '/api/settings/in', {
    GET: (c) => {
      const spans = settingSpans((c.req.query('text') ?? '').slice(0, MAX_TEXT), limitsFor(web, c));
      return c.json({
        spans: spans.map(({ key, start, end, settings = {} }) => ({
          ...{ key: key.name, fields: key.fields, start, end },
          values: valuesJson(settings),
        })),
      });
    },
  });
}

function limitsFor(web: WebContext, c: WebRequest): RequestLimits {
  return web.core.limits(callerOf(web, c, c.req.query('user'), parseRoom(c.req.query('room'))));
}

function keyJson({ name, description, fields, choices, range, usual }: Key, limits: RequestLimits) {
  return {
    ...{ name, description: t(description), fields },
    choices: choices?.(limits) ?? [],
    range: range?.(limits) ?? null,
    usual: usual === undefined ? null : String(usual(limits)),
  };
}

/** By field, as they would be typed. */
function valuesJson(settings: RequestSettings): Readonly<Record<string, string>> {
  const { loras, seed, steps, ...rest } = settings;
  const plain = Object.entries(rest).flatMap(([field, value]) => (value === undefined ? [] : [[field, String(value)]]));
  return {
    ...Object.fromEntries(plain),
    ...(seed === undefined ? {} : { seed: seed === null ? 'random' : String(seed) }),
    ...(typeof steps === 'number' ? { steps: String(steps) } : {}),
    ...(loras === undefined ? {} : { loras: loras.map(({ name }) => name).join(', ') }),
  };
}
