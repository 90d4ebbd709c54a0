import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxiesFrom, proxyFor } from '../../src/system/proxies.ts';

const HTTPS = { host: 'secure.example:3129', variable: 'HTTPS_PROXY' };
const HTTP = { host: 'plain.example:3128', variable: 'HTTP_PROXY' };
const env = { https_proxy: 'http://me:password@secure.example:3129', HTTP_PROXY: 'http://plain.example:3128' };

for (const [address, more, proxy] of [
  ['https://huggingface.co', {}, HTTPS],
  ['http://huggingface.co', {}, HTTP],
  ['https://huggingface.co', { https_proxy: '' }, HTTP],
  ['https://huggingface.co', { NO_PROXY: 'other.co' }, HTTPS],
  ['https://huggingface.co', { NO_PROXY: 'other.co, HuggingFace.co' }, undefined],
  ['https://cdn.huggingface.co', { no_proxy: '.huggingface.co' }, undefined],
  ['https://cdn.huggingface.co', { no_proxy: '*.huggingface.co' }, undefined],
  ['https://nothuggingface.co', { no_proxy: 'huggingface.co' }, HTTPS],
  ['https://huggingface.co', { no_proxy: 'huggingface.co:443' }, undefined],
  ['https://huggingface.co', { no_proxy: 'huggingface.co:80' }, HTTPS],
  ['https://huggingface.co', { no_proxy: '*' }, undefined],
] as const) {
  test(`${address} with ${JSON.stringify(more)} leads through ${proxy?.variable ?? 'no proxy'}`, () => {
    assert.deepEqual(proxyFor(new URL(address), proxiesFrom({ ...env, ...more })), proxy);
  });
}
