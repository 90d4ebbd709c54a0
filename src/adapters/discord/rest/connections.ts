import { DefaultRestOptions, type RESTOptions } from 'discord.js';
import PQueue from 'p-queue';
import { readable } from './answers.ts';

export const API_BASE = 'https://discord.com/api';
/** Long enough for 25 MiB over a slow line, in ms. */
const REQUEST_TIMEOUT = 60_000;

export function restOptions(apiBase: string | undefined): Pick<RESTOptions, 'api' | 'timeout' | 'makeRequest'> {
  const makeRequest = readable(plain(DefaultRestOptions.makeRequest));
  return { api: (apiBase ?? API_BASE).replace(/\/+$/, ''), timeout: REQUEST_TIMEOUT, makeRequest };
}

/**
 * Forms as bytes. Of several versions of undici in one process, the first that is loaded makes the connections of all, and it
 * cannot send the forms of another.
 */
function plain(makeRequest: RESTOptions['makeRequest']): RESTOptions['makeRequest'] {
  return async (url, init) => {
    if (!(init.body instanceof FormData)) return makeRequest(url, init);
    const form = new Response(init.body);
    const headers = { ...Object.fromEntries(new Headers(init.headers as Record<string, string>)) };
    const type = form.headers.get('content-type');
    const body = Buffer.from(await form.arrayBuffer());
    return makeRequest(url, {
      ...init,
      body,
      headers: { ...headers, ...(type === null ? {} : { 'content-type': type }) },
    });
  };
}

/** Answers to interactions must arrive within seconds: they go before everything else. */
const URGENT = /\/interactions\/\d+\/[^/]+\/callback/;

/**
 * At most `most` requests at once, answers to interactions first. Every further one would open a connection of its own:
 * a burst of commands would spend its time on hundreds of TLS handshakes, and later on closing them.
 */
export function fewConnections(most: number): RESTOptions['makeRequest'] {
  const requests = new PQueue({ concurrency: most });
  const makeRequest = readable(plain(DefaultRestOptions.makeRequest));
  return (url, init) => requests.add(() => makeRequest(url, init), { priority: URGENT.test(url) ? 1 : 0 });
}
