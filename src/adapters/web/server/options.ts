import * as z from 'zod';
import type { WebAccounts } from '../../../bot/history/web-accounts.ts';
import type { Logger } from '../../../system/logging.ts';
import { list, onOff, port, secret, text, together, variable } from '../../../system/variables.ts';
import { t } from '../../../texts/translate.ts';
import type { Adapter } from '../../adapter.ts';
import { addressSet } from './client-address.ts';
import type { Operations } from './operations.ts';

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1'];
const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::', ''];

function isLoopback(host: string): boolean {
  const name = bareHost(host);
  return LOOPBACK_NAMES.includes(name) || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** `[::1]:80` → `::1`, `Example.org:80` → `example.org`. */
export function bareHost(host: string): string {
  const lower = host.trim().toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(lower);
  if (bracketed) return bracketed[1] ?? '';
  return lower.split(':').length === 2 ? lower.replace(/:\d*$/, '') : lower;
}

/** The options of the web chat; `undefined` where it is turned off. */
export const webOptions = z
  .object({
    enabled: variable('WUERST_WEB <on|off>', () => t('the chat in the browser'), onOff.prefault('on')),
    host: variable(
      'WUERST_WEB_HOST <address>',
      () => t('address that the web chat listens on; any but this machine needs WUERST_WEB_TOKEN'),
      text.prefault('127.0.0.1'),
    ),
    port: variable('WUERST_WEB_PORT <port>', () => t('its port; 0 takes any free one'), port.prefault('3210')),
    /** In the output with the loopback names and `host`, in lower case, without ports and without brackets around IPv6. */
    hostnames: variable(
      'WUERST_WEB_HOSTNAMES <names>',
      () => t('further names under which the page may be opened, with commas'),
      list.default([]),
      () => t('none'),
    ),
    proxies: variable(
      'WUERST_WEB_PROXIES <addresses>',
      () =>
        t(
          'addresses or networks of the proxies in front of it, with commas: only these are believed what X-Forwarded-For says',
        ),
      list
        .transform((texts, { addIssue }) => {
          try {
            return addressSet(texts);
          } catch (error) {
            addIssue(error instanceof Error ? error.message : String(error));
            return z.NEVER;
          }
        })
        .optional(),
      () => t('none'),
    ),
    ageRestrictedRooms: variable(
      'WUERST_WEB_ADULT_ROOMS <rooms>',
      () => t('rooms of the web chat that admit adults only, with commas'),
      list.default([]),
      () => t('none'),
    ),
    webhookPrivate: variable(
      'WUERST_WEBHOOK_PRIVATE <on|off>',
      () => t('whether webhooks of API keys may reach this machine and its networks, also without TLS'),
      onOff.prefault('off'),
    ),
    /** Asked for on loopback too. */
    token: variable(
      'WUERST_WEB_TOKEN',
      () => t('what people must know to take a name in the web chat'),
      secret.optional(),
      () => t('nobody is asked'),
    ),
    /** Admins may change settings, and delete and cancel for others. */
    adminToken: variable(
      'WUERST_WEB_ADMIN_TOKEN',
      () => t('the same for admins'),
      secret.optional(),
      () => t('nobody is admin where there is a token, else everyone'),
    ),
  })
  .superRefine(({ enabled, host, token, adminToken }, { addIssue }) => {
    if (enabled && token === undefined && !isLoopback(host)) {
      addIssue(
        t('WUERST_WEB_HOST is {host}, which others can reach: set WUERST_WEB_TOKEN, or listen on 127.0.0.1', { host }),
      );
    }
    if (adminToken !== undefined && token === undefined) {
      addIssue(t('WUERST_WEB_ADMIN_TOKEN needs WUERST_WEB_TOKEN: without it everyone is admin already'));
    }
    if (adminToken !== undefined && adminToken === token) {
      addIssue(t('WUERST_WEB_ADMIN_TOKEN and WUERST_WEB_TOKEN are the same: everyone would be admin'));
    }
  }, together)
  .transform(({ enabled, ...options }) => {
    const own = ANY_ADDRESS.includes(bareHost(options.host)) ? [] : [options.host];
    const hostnames = new Set([...LOOPBACK_NAMES, ...own, ...options.hostnames].map(bareHost));
    return enabled ? { ...options, hostnames } : undefined;
  });

export type WebOptions = NonNullable<z.output<typeof webOptions>>;

export interface WebAdapterOptions extends WebOptions {
  readonly logger: Logger;
  /** Whose names are whose. @default kept in memory, until the process ends */
  readonly accounts?: WebAccounts;
  /** Signs the cookies. @default a random one, so that sessions end with the process */
  readonly sessionKey?: Uint8Array;
  /** Renders the Prometheus registry as text. Without it there is no `/metrics`. */
  readonly metrics?: () => Promise<string> | string;
  /** What admins look after beside the core. @default nothing */
  readonly operations?: Operations;
  /** Whether jobs are being taken and made, for `/readyz`. @default always */
  readonly ready?: () => Promise<boolean> | boolean;
  /** What else has to work for `/readyz`. @default nothing */
  readonly surfaces?: () => readonly Pick<Adapter, 'surface' | 'trouble'>[];
  /** Milliseconds between two live updates (steps, positions) on one connection. @default 120 */
  readonly liveIntervalMs?: number;
  /** Milliseconds between two heartbeats; a page that has read nothing from one to the next is dropped. @default 15000 */
  readonly heartbeatMs?: number;
  /** Event streams that may be open at once. @default 512 */
  readonly maxStreams?: number;
}
