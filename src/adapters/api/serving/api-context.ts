import type { ApiKeys } from '../../../bot/history/api-keys.ts';
import type { Caller } from '../../../bot/job.ts';
import type { ApiKey } from '../../../bot/keys/api-key.ts';
import type { WebContext, WebRequest } from '../../web/server/web-context.ts';
import type { Paintings } from './paintings.ts';
import type { PictureLinks } from './picture-links.ts';

/** What all interfaces for programs share. */
export interface ApiContext {
  readonly web: WebContext;
  readonly keys: ApiKeys;
  readonly links: PictureLinks;
  readonly paintings: Paintings;
  /** Of this program. */
  readonly version: string;
}

/** A request of a program that was let in. */
export interface ApiCall {
  readonly api: ApiContext;
  readonly c: WebRequest;
  readonly key: ApiKey;
  readonly caller: Caller;
  /** Aborted when the program hangs up. */
  readonly signal: AbortSignal;
}
