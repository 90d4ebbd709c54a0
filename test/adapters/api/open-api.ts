import type { TestContext } from 'node:test';
import pino from 'pino';
import { programInterfaces } from '../../../src/adapters/api/api.ts';
import { createWebApp } from '../../../src/adapters/web/server/app.ts';
import { webOptions } from '../../../src/adapters/web/server/options.ts';
import { readKeyLimits } from '../../../src/bot/keys/key-limits.ts';
import type { LoraShelf } from '../../../src/bot/lora-shelf.ts';
import { ROOT } from '../../bot/history/history-fixture.ts';
import { openStudio } from '../../bot/studio/studio-fixture.ts';
import { documented } from './documented.ts';
import { PngPainter } from './png-painter.ts';

export const GUILD = { surface: 'discord', guild: '81384788765712384' } as const;

interface Options {
  readonly limits?: string;
  /** Make a key. @default true */
  readonly key?: boolean;
  readonly still?: boolean;
  readonly loras?: LoraShelf;
  /** Painters on other machines may join. @default false */
  readonly others?: boolean;
  readonly model?: NonNullable<Parameters<typeof openStudio>[1]>['model'];
}

/** The interfaces for programs over a studio, in process. `fetch` holds every answer against the OpenAPI document. */
export async function openApi(t: TestContext, { limits = '', key = true, ...options }: Options = {}) {
  const studio = await openStudio(t, { painter: new PngPainter(), ...options });
  const { history } = studio;
  const create = (name: string, within = '') =>
    history.apiKeys.create({ name, ...GUILD, limits: readKeyLimits(within) }, ROOT);
  const webSettings = webOptions.parse({ enabled: 'on' });
  if (webSettings === undefined) throw new Error('the web is off');
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const mount = programInterfaces({ keys: history.apiKeys, version: '0.1.0' });
  const web = createWebApp(studio.studio, { ...webSettings, logger }, [mount]);
  t.after(() => web.close());
  const secret = key ? create('program', limits) : '';
  const plainFetch = async (input: string | URL | Request, init?: RequestInit) =>
    web.app.request(new Request(input, init));
  const document = async () =>
    (await (await plainFetch('http://localhost/openapi.json')).json()) as Record<string, unknown>;
  const fetch = key ? documented(await document(), plainFetch) : plainFetch;
  const headers = { Authorization: `Bearer ${secret}` };
  const get = (path: string, more: RequestInit = {}) => fetch(`http://localhost${path}`, { headers, ...more });
  const post = (path: string, body: unknown, more: Record<string, string> = {}) =>
    fetch(`http://localhost${path}`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json', ...more },
      body: JSON.stringify(body),
    });
  return { ...studio, web, secret, create, fetch, plainFetch, document, get, post, lines };
}
