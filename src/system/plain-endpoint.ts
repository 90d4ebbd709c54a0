import { t } from '../texts/translate.ts';

/** Whether a host name of a URL is this machine's own. */
export function isThisMachine(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** Whether what is sent to an address can be read by everyone on the way: plain HTTP to another machine. */
export function isReadableOnTheWay(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !isThisMachine(hostname);
}

/**
 * What an operator is told of a secret that would travel unencrypted; `undefined` where it does not.
 *
 * @param variable that holds the address
 * @param secret what is sent there, e.g. `DISCORD_TOKEN`
 */
export function plainEndpointWarning(
  variable: string,
  address: string | undefined,
  secret: string,
): string | undefined {
  if (address === undefined || !isReadableOnTheWay(address)) return undefined;
  return t('{variable} is a plain http:// address, so everyone on the way can read {secret}. Use https://.', {
    ...{ variable, secret },
  });
}
