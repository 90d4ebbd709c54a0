import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { addressSet } from '../../web/server/client-address.ts';
import { bareHost } from '../../web/server/options.ts';

/** What no webhook may reach: this machine, its networks, and what stands for them. */
const CLOSED_V4 = addressSet([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
]);
/** The part of IPv6 that is given to networks of the internet, */
const OPEN_V6 = addressSet(['2000::/3']);
/** without documentation, and tunnels, which may end anywhere. */
const CLOSED_V6 = addressSet(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

const THIS_MACHINE = /(?:^|\.)localhost\.?$/i;

/** Whether an address is one of the internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !CLOSED_V4.check(address);
  return family === 6 && OPEN_V6.check(address, 'ipv6') && !CLOSED_V6.check(address, 'ipv6');
}

/** Resolves all addresses of a name. */
export type Resolve = (
  name: string,
  options: { readonly all: true },
  done: (error: Error | null, addresses: readonly { readonly address: string; readonly family: number }[]) => void,
) => void;

/** An address in the URL itself is not looked up. @throws Error for one that is not of the internet */
export function requirePublicHost({ hostname }: URL): void {
  const host = bareHost(hostname);
  if (THIS_MACHINE.test(host) || (isIP(host) !== 0 && !isPublicAddress(host))) throw new NotPublic(host);
}

/** A lookup that gives only addresses of the internet: what it has checked is what is connected to. */
export function publicLookup(resolve: Resolve = lookup as Resolve): LookupFunction {
  return (name, options, done) => {
    resolve(name, { all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      const closed = addresses?.find(({ address }) => !isPublicAddress(address));
      if (error !== null || first === undefined) done(error ?? new Error(`no address for ${name}`), '', 4);
      else if (closed !== undefined) done(new NotPublic(name), '', 4);
      else if (options.all === true) done(null, [...addresses]);
      else done(null, first.address, first.family);
    });
  };
}

class NotPublic extends Error {
  override readonly name = 'NotPublic';

  constructor(host: string) {
    super(`${host} is not an address of the internet; WUERST_WEBHOOK_PRIVATE allows such`);
  }
}
