import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfter } from '../../src/system/retry-after.ts';

const DAY = 24 * 60 * 60_000;
const DATE = 'Sun, 06 Nov 1994 08:49:30 GMT';

for (const [asked, ms] of [
  ['7', 7000],
  [' 7 ', 7000],
  ['0', 0],
  ['0.25', 250],
  ['1.5', 1500],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 7000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 7000],
  ['Sun Nov  6 08:49:37 1994', 7000],
  ['Sun, 06 Nov 1994 08:49:00 GMT', 0],
  ['Sun, 06 Nov 2094 08:49:37 GMT', DAY],
  ['86401', DAY],
  ['99999999999999999999', DAY],
  ['9'.repeat(400), DAY],
] as const) {
  test(`Retry-After: ${asked.slice(0, 40)} is ${ms} ms`, () => {
    assert.equal(retryAfter(new Headers({ 'retry-after': asked, date: DATE }), 'otherwise'), ms);
  });
}

for (const asked of ['', '-5', '-0.5', 'soon', 'NaN', 'Infinity', '1e3', '0x10', '5, 10', '1,5', '+5', '2026', 'Mon']) {
  test(`Retry-After: ${asked || '(nothing)'} ${asked === '2026' ? 'is seconds' : "can't be read"}`, () => {
    const waited = retryAfter(new Headers({ 'retry-after': asked, date: DATE }), 'otherwise');
    assert.equal(waited, asked === '2026' ? 2_026_000 : 'otherwise');
  });
}

test("a date is compared with the server's clock, and with ours where the server does not say its time", () => {
  const soon = new Date(Date.now() + 60_000).toUTCString();
  assert.equal(retryAfter(new Headers({ 'retry-after': soon, date: soon }), undefined), 0);
  const ms = retryAfter(new Headers({ 'retry-after': soon, date: 'today' }), 0);
  assert.ok(ms > 50_000 && ms <= 60_000, String(ms));
});

test('the reset of a RateLimit counts where there is no Retry-After that can be read', () => {
  const ratelimit = '"api";r=0;t=55, "pages";r=12;t=7';
  assert.equal(retryAfter(new Headers({ ratelimit }), undefined), 55_000);
  assert.equal(retryAfter(new Headers({ ratelimit, 'retry-after': 'soon' }), undefined), 55_000);
  assert.equal(retryAfter(new Headers({ ratelimit, 'retry-after': '3' }), undefined), 3000);
  assert.equal(retryAfter(new Headers({ ratelimit: '"api";r=0;t=never' }), undefined), undefined);
});
