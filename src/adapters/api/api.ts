import type { ApiKeys } from '../../bot/history/api-keys.ts';
import { notFound } from '../web/server/problems.ts';
import type { Mount } from '../web/server/web-context.ts';
import { A1111 } from './a1111/a1111.ts';
import { mcpInterface } from './mcp/mcp.ts';
import { OPENAI } from './openai/openai.ts';
import { serve } from './serving/interface.ts';
import { openApiDocument } from './serving/openapi.ts';
import { Paintings } from './serving/paintings.ts';
import { PictureLinks } from './serving/picture-links.ts';

interface Options {
  readonly keys: ApiKeys;
  readonly version: string;
}

/** The interfaces for programs, which are not there as long as there is no key. */
export function programInterfaces({ keys, version }: Options): Mount {
  return (app, web) => {
    const paintings = new Paintings(web.core);
    const links = new PictureLinks(web.options.sessionKey);
    const api = { web, keys, version, links, paintings };
    const mcp = mcpInterface();
    const interfaces = [OPENAI, A1111, mcp];
    let document: object | undefined;
    app.get('/openapi.json', (c) => {
      if (!keys.any) throw notFound('There is nothing at this address.');
      document ??= openApiDocument(interfaces, version);
      return c.json(document);
    });
    for (const one of interfaces) serve(app, api, one);
    return () => {
      paintings.close();
      mcp.close();
    };
  };
}
