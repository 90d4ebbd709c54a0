import { bareHost, type WebOptions } from './options.ts';

/** What signs in when a link with it is opened. After the `#`, so that it reaches no server, log or other site. */
export type LinkPart = 'invitation' | 'key';

/** `https://paint.example.org/#invitation=…`; the page reads the secret and takes it out of the address. */
export function linkWith(part: LinkPart, secret: string, url: string): string {
  return new URL(`#${part}=${secret}`, url).href;
}

/** Where people open the page: the first name that is configured, with TLS in front of it, else the address it listens on. */
export function pageUrl({ host, port, hostnames }: Pick<WebOptions, 'host' | 'port' | 'hostnames'>): string {
  const named = [...hostnames].find((name) => !isAddress(name) && name !== bareHost(host));
  return named === undefined ? urlOf(host, port) : `https://${named}/`;
}

/** `localhost` for an address that means any; an IPv6 address in brackets. */
export function urlOf(host: string, port: number): string {
  const name = bareHost(host);
  if (name === '0.0.0.0' || name === '::') return `http://localhost:${port}/`;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}/`;
}

function isAddress(name: string): boolean {
  return name === 'localhost' || name.includes(':') || /^[\d.]+$/.test(name);
}
