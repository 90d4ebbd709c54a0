import { DefaultRestOptions, type RESTOptions } from 'discord.js';
import PQueue from 'p-queue';
import { readable } from './answers.ts';

export const API_BASE = 'https://discord.com/api';
/** Long enough for 25 MiB over a slow line, in ms. */
const REQUEST_TIMEOUT = 60_000;

export function restOptions(apiBase: string | undefined): Pick<RESTOptions, 'api' | 'timeout' | 'makeRequest'> {
  const makeRequest = readable(DefaultRestOptions.makeRequest);
  return { api: (apiBase ?? API_BASE).replace(/\/+$/, ''), timeout: REQUEST_TIMEOUT, makeRequest };
}

/** Answers to interactions must arrive within seconds: they go before everything else. */
const URGENT = /\/interactions\/\d+\/[^/]+\/callback/;

/**
 * At most `most` requests at once, answers to interactions first. Every further one would open a connection of its own:
 * a burst of commands would spend its time on hundreds of TLS handshakes, and later on closing them.
 */
export function fewConnections(most: number): RESTOptions['makeRequest'] {
  const requests = new PQueue({ concurrency: most });
  const makeRequest = readable(DefaultRestOptions.makeRequest);
  return (url, init) => requests.add(() => makeRequest(url, init), { priority: URGENT.test(url) ? 1 : 0 });
}
