import type { RequestLimits } from '../../../../bot/request-limits.ts';
import { route, type WebApp, type WebContext } from '../web-context.ts';

interface Idea {
  readonly text: string;
  /** As they are typed. */
  readonly settings: string;
}

/** `GET /api/model`: what the model in use paints best, and what is chosen where nothing is given. */
export function modelRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/model', {
    GET: (c) => {
      const limits = web.core.limits();
      const { steps, guidance } = limits.recommended;
      return c.json({ name: limits.model, usual: { steps, guidance }, ideas: ideasOf(limits) });
    },
  });
}

/** Prompts that the model paints well, each with a setting to learn from. */
function ideasOf({ recommended: { ideas, nativeSizes }, styles }: RequestLimits): readonly Idea[] {
  const landscape = nativeSizes.find(([width, height]) => width > height);
  const size = landscape === undefined ? 'ar:3:2' : `size:${landscape.join('x')}`;
  const settings = [`style:${styles.at(-1)}`, 'n:4', 'seed:7', size];
  return settings.flatMap((typed, i) => (ideas[i] === undefined ? [] : [{ text: ideas[i], settings: typed }]));
}
