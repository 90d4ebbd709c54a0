import * as z from 'zod';
import type { SavedIn } from '../../../../bot/administration.ts';
import { PRESET_FILE_BYTES, presetText } from '../../../../bot/prompts/preset-files.ts';
import { UserError } from '../../../../system/errors.ts';
import { adminCaller, administrationOf } from '../admin-access.ts';
import { replyJson } from '../job-json.ts';
import { readBytes, readJson } from '../json-body.ts';
import { route, type WebApp, type WebContext, type WebRequest } from '../web-context.ts';

const PLACES = ['everywhere', 'place'] as const;
const PRESET = z.strictObject({
  name: z.string().max(200),
  text: z.string().max(10_000),
  negative: z.string().max(10_000).default(''),
  in: z.enum(PLACES),
});
const WILDCARD = z.strictObject({ name: z.string().max(200), list: z.string().max(200_000) });
/** Of a list of words, as JSON. */
const LIST_BYTES = 2 ** 20;

/** Presets and wildcards of everywhere and of a room, by the same rules as the commands. */
export function adminPromptRoutes(app: WebApp, web: WebContext): void {
  const administration = () => administrationOf(web);
  route(app, '/api/admin/prompts', { GET: (c) => c.json(administration().kept(adminCaller(web, c))) });
  route(app, '/api/admin/presets', {
    POST: async (c) => {
      const preset = await readJson(c, PRESET);
      return c.json({ reply: replyJson(administration().savePreset(adminCaller(web, c), preset)) });
    },
    DELETE: (c) => {
      const preset = { in: savedIn(c), name: c.req.query('name') ?? '' };
      return c.json({ reply: replyJson(administration().deletePreset(adminCaller(web, c), preset)) });
    },
  });
  route(app, '/api/admin/presets/import', {
    POST: async (c) => {
      const file = presetText(await readBytes(c, PRESET_FILE_BYTES));
      const name = (c.req.query('name') ?? '').replace(/\.(?:csv|json)$/i, '').slice(0, 100);
      const given = { in: savedIn(c), file, ...(name === '' ? {} : { name }) };
      return c.json({ reply: replyJson(administration().importPresets(adminCaller(web, c), given)) });
    },
  });
  route(app, '/api/admin/wildcards', {
    POST: async (c) => {
      const wildcard = await readJson(c, WILDCARD, LIST_BYTES);
      return c.json({ reply: replyJson(administration().saveWildcard(adminCaller(web, c), wildcard)) });
    },
    DELETE: (c) => {
      const name = c.req.query('name') ?? '';
      return c.json({ reply: replyJson(administration().deleteWildcard(adminCaller(web, c), name)) });
    },
  });
}

/** @throws UserError `place_invalid` */
function savedIn(c: WebRequest): SavedIn {
  const typed = c.req.query('in');
  const place = PLACES.find((one) => one === typed);
  if (place !== undefined) return place;
  throw new UserError('place_invalid', 'Expected everywhere or place, for where presets are kept.', {
    hint: 'For example ?in=everywhere',
  });
}
