import { PICTURE_BOUNDS } from '../../../../bot/picture-bounds.ts';
import { sentencesOf } from '../../../../marking/verdict.ts';
import { verify } from '../../../../marking/verifier.ts';
import { readBytes } from '../json-body.ts';
import { personOf, requireRate, route, type WebApp, type WebContext } from '../web-context.ts';

/** What looking into a file costs beyond a request. */
const COST = 2;

/** `POST /api/marks` with a picture as its body: who signed it, whether it was changed since, and what it says of its origin. */
export function markRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/marks', {
    POST: async (c) => {
      requireRate(web, c, COST);
      const verdict = await web.forms.take(personOf(web, c), async () =>
        verify({ file: await readBytes(c, PICTURE_BOUNDS.bytes), trusted: web.core.marker?.certificate }),
      );
      return c.json({ ...verdict, sentences: sentencesOf(verdict) });
    },
  });
}
