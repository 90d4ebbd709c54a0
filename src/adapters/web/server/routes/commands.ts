import * as z from 'zod';
import type { Outcome } from '../../../adapter.ts';
import { isForm, readCommandForm } from '../form-body.ts';
import { replyJson } from '../job-json.ts';
import { readJson } from '../json-body.ts';
import { parseRoom } from '../names.ts';
import { repeatable } from '../repeatable.ts';
import {
  callerOf,
  jobFor,
  personOf,
  requireRate,
  route,
  type WebApp,
  type WebContext,
  type WebRequest,
} from '../web-context.ts';

const DEFAULT_ROOM = 'lobby';
const COMMAND = z.strictObject({ text: z.string(), user: z.string().optional() });
const ACTION = z.strictObject({
  action: z.string().min(1).max(128),
  user: z.string().optional(),
  text: z.string().optional(),
  room: z.string().optional(),
});

/** `POST /api/rooms/{room}/commands` for typed text, and `POST /api/actions` for buttons. */
export function commandRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/rooms/:room/commands', {
    POST: async (c) => {
      const room = parseRoom(c.req.param('room'));
      if (isForm(c)) return withPictures(c, web, room);
      const { text, user } = await readJson(c, COMMAND);
      const caller = callerOf(web, c, user, room);
      return answer(c, web, await web.core.command(withoutSlash(text), caller, repeatable(c, { text })));
    },
  });

  route(app, '/api/actions', {
    POST: async (c) => {
      const { action, user, text, room } = await readJson(c, ACTION);
      const caller = callerOf(web, c, user, room === undefined ? roomOf(web, action) : parseRoom(room));
      const options = { ...repeatable(c, { action, text, room }), ...(text === undefined ? {} : { text }) };
      return answer(c, web, await web.core.act(action, caller, options));
    },
  });
}

/** What reading a form with pictures costs beyond a request. */
const FORM_COST = 3;

/** A command whose pictures came with it. */
async function withPictures(c: WebRequest, web: WebContext, room: string): Promise<Response> {
  requireRate(web, c, FORM_COST);
  const { text, caller, pictures } = await web.forms.take(personOf(web, c), async () => {
    const { text, user, images, mask } = await readCommandForm(c);
    const caller = callerOf(web, c, user, room);
    const hashes: string[] = [];
    for (const image of images) hashes.push(await web.core.givePicture(image, caller));
    const pictures = { pictures: hashes, mask: mask && (await web.core.givePicture(mask, caller)) };
    return { text, caller, pictures };
  });
  const options = { ...repeatable(c, { text, pictures }), ...(pictures.pictures.length > 0 ? { pictures } : {}) };
  return answer(c, web, await web.core.command(withoutSlash(text), caller, options));
}

/** 202 with a job, or 200 with a reply. */
function answer(c: WebRequest, web: WebContext, outcome: Outcome): Response {
  if (outcome.kind === 'job') return c.json({ job: jobFor(web, c, outcome.job) }, 202);
  return c.json({ reply: replyJson(outcome.reply) });
}

/** Removes the `/wuerst` that the core does not expect, and that may be left out in this chat. */
function withoutSlash(text: string): string {
  return text.replace(/^\s*\/wuerst(?=\s|$)/i, '').trim();
}

/** The room of the job or image that the action is about. */
function roomOf({ core }: WebContext, action: string): string {
  const target = action.slice(action.indexOf(':') + 1);
  const caller = (core.job(target) ?? core.jobOfImage(target))?.caller;
  return caller?.surface === 'web' ? caller.room : DEFAULT_ROOM;
}
