import { PICTURE_BOUNDS } from '../../../../bot/picture-bounds.ts';
import { UserError } from '../../../../system/errors.ts';
import { readFormParts } from '../form-body.ts';
import { SHARE_PATH } from '../guard.ts';
import { notFound } from '../problems.ts';
import { typeOf } from '../shared-pictures.ts';
import { personOf, requireRate, route, type WebApp, type WebContext, type WebRequest } from '../web-context.ts';
import { sessionGuard } from './session.ts';

/** What reading a form with pictures costs beyond a request. */
const FORM_COST = 3;
/** Characters of an encoded text. */
const MOST_ENCODED = 4000;
const TEXTS: readonly string[] = ['title', 'text', 'url'];

/**
 * `POST /share`: the share target of the manifest. A phone's system opens the page so, with a form; the page is shown at the address
 * that this answers with, and fetches the pictures: `GET /api/shared/{id}`, `GET /api/shared/{id}/{place}`.
 */
export function shareRoutes(app: WebApp, web: WebContext): void {
  const admit = sessionGuard(web);
  route(app, SHARE_PATH, {
    POST: async (c) => {
      try {
        const known = await admit(c, async () => {}).then(() => true, strangerIn(c));
        return c.redirect(`/?${await taken(web, c, known)}`, 303);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        // People would see no page but this answer.
        return c.redirect('/?shared=refused', 303);
      }
    },
  });
  const picturesOf = (c: WebRequest) => {
    const [person, id] = [personOf(web, c), c.req.param('id') ?? ''];
    // Whoever shared them has signed in: nobody else knows the id.
    const earlier = web.strangers.shared.take(id);
    if (earlier.length > 0) web.shared.put(person, earlier, id);
    return web.shared.get(person, id);
  };
  route(app, '/api/shared/:id', { GET: (c) => c.json({ pictures: picturesOf(c).length }) });
  route(app, '/api/shared/:id/:place', {
    GET: (c) => {
      const place = /^\d$/.test(c.req.param('place') ?? '') ? Number(c.req.param('place')) : -1;
      const picture = picturesOf(c)[place];
      if (picture === undefined) throw notFound('Nothing was shared here, or it was too long ago.');
      return c.body(Uint8Array.from(picture), 200, { 'Content-Type': typeOf(picture) });
    },
  });
}

/** The page asks who somebody is before it fetches what they shared. */
function strangerIn(c: WebRequest) {
  return (error: unknown): false => {
    if (!(error instanceof UserError && /^token_/.test(error.code))) throw error;
    c.set('identity', { user: null, admin: false });
    return false;
  };
}

/** What was shared, as the query of the page's address. */
async function taken(web: WebContext, c: WebRequest, known: boolean): Promise<URLSearchParams> {
  const { forms, shared } = known ? web : web.strangers;
  const most = known ? PICTURE_BOUNDS.allBytes : PICTURE_BOUNDS.bytes;
  requireRate(web, c, FORM_COST);
  const person = personOf(web, c);
  const parts = await forms.take(person, () => readFormParts(c, most));
  const query = new URLSearchParams();
  for (const part of parts) if ('text' in part && TEXTS.includes(part.name)) query.set(part.name, begun(part.text));
  const given = parts.flatMap((part) => ('bytes' in part && part.bytes.byteLength > 0 ? [part.bytes] : []));
  const pictures = given
    .filter(({ byteLength }) => byteLength <= PICTURE_BOUNDS.bytes)
    .slice(0, PICTURE_BOUNDS.pictures);
  if (pictures.length > 0) query.set('shared', shared.put(person, pictures));
  else if (given.length > 0) query.set('shared', 'refused');
  if (pictures.length > 0 && pictures.length < given.length) query.set('left', String(given.length - pictures.length));
  return query;
}

/** As much of a text as fits into an address: longer ones are refused before anything reads them. */
function begun(text: string): string {
  let part = text.slice(0, MOST_ENCODED).toWellFormed();
  while (encodeURIComponent(part).length > MOST_ENCODED)
    part = part.slice(0, Math.floor(part.length * 0.9)).toWellFormed();
  return part;
}
