import { BlockList, isIP, isIPv6 } from 'node:net';

/** Addresses and networks (`10.0.0.0/8`). @throws RangeError for a text that is neither */
export function addressSet(texts: readonly string[]): BlockList {
  const set = new BlockList();
  for (const text of texts) {
    const [address = '', bits, ...rest] = text.split('/');
    const family = isIP(address);
    const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
    const isWhole = bits === undefined || /^\d{1,3}$/.test(bits);
    if (family === 0 || rest.length > 0 || !isWhole || prefix > (family === 6 ? 128 : 32)) {
      throw new RangeError(`Expected an address such as 127.0.0.1 or a network such as 10.0.0.0/8, got "${text}".`);
    }
    set.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return set;
}

/**
 * Where a request comes from: the socket's other end or, while that is a proxy that the operator named, the last address
 * that the proxies added to `X-Forwarded-For`. What anybody else writes there counts for nothing.
 */
export function clientAddress(
  remote: string | undefined,
  forwardedFor: string | undefined,
  proxies: BlockList | undefined,
): string {
  let address = plain(remote ?? 'in process');
  const hops = (forwardedFor ?? '').split(',');
  while (proxies !== undefined && isIn(proxies, address)) {
    const next = plain((hops.pop() ?? '').trim());
    if (isIP(next) === 0) break;
    address = next;
  }
  return address;
}

/** For counting: an IPv6 network of 64 bits counts as one, because anybody has that many addresses. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = [head, tail].map((part) => (part === '' ? [] : part.split(':')));
  const [first = [], last = []] = groups;
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  return `${[...first, ...(address.includes('::') ? zeros : []), ...last].slice(0, 4).join(':')}::/64`;
}

/** `::ffff:10.0.0.1` is the IPv4 address at its end; a zone is left out. */
function plain(address: string): string {
  return address
    .replace(/^::ffff:(?=[\d.]+$)/i, '')
    .replace(/%.*$/, '')
    .toLowerCase();
}

function isIn(set: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && set.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
