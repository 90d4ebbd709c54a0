import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, type LogFormat } from '../../src/system/logging.ts';

function logged(format: LogFormat, write: (logger: ReturnType<typeof createLogger>) => void, secrets: string[] = []) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  write(createLogger({ level: 'info', format, secrets, destination }));
  return lines.join('');
}

test('pretty lines have a time, a level, the message and the fields, and the stack of an error below', () => {
  const text = logged('pretty', (logger) => {
    logger.info({ url: 'http://127.0.0.1:3210/', made: { steps: 12 }, note: 'two words' }, 'wuerst is ready');
    logger.error({ err: Object.assign(new Error('it broke'), { code: 'broken' }) }, 'a picture failed');
  });
  const [ready, failed, first, ...rest] = text.trimEnd().split('\n');
  assert.match(
    ready ?? '',
    /^\d\d:\d\d:\d\d INFO {2}wuerst is ready url=http:\/\/127\.0\.0\.1:3210\/ made=\{"steps":12\} note="two words"$/,
  );
  assert.match(failed ?? '', /^\d\d:\d\d:\d\d ERROR a picture failed$/);
  assert.equal(first, '    Error: it broke');
  assert.ok(rest.length > 1 && rest.every((line) => line.startsWith('    ')));
  assert.match(text, /"code":"broken"/);
  assert.doesNotMatch(text, /pid|hostname|undefined/);
});

test('what is no terminal gets JSON, unless lines for people are asked for', () => {
  const write = (logger: ReturnType<typeof createLogger>) => logger.warn({ n: 1 }, 'hello');
  assert.equal(JSON.parse(logged('auto', write)).msg, 'hello');
  assert.equal(JSON.parse(logged('json', write)).n, 1);
  assert.match(logged('pretty', write), /WARN {2}hello n=1\n$/);
});

for (const format of ['pretty', 'json'] as const) {
  test(`no secret stands in ${format} lines, by the name of its field or by its value`, () => {
    const secret = 'xoxb-123"456';
    const text = logged(
      format,
      (logger) => {
        logger.info({ token: 'other', deep: { authorization: 'Bearer zzz' }, url: `/x/${secret}` }, `with ${secret}`);
        logger.error({ err: new Error(`refused ${secret}`), list: [secret] }, 'refused');
        // Whole only when the terminal's sequences are gone.
        logger.warn({}, 'xoxb-\u001b[0m123"456');
      },
      [secret],
    );
    assert.doesNotMatch(text, /other|zzz|xoxb-123/);
  });
}

test('foreign text neither steers the terminal nor begins a line of the log', () => {
  const bad = 'a\u001b[2Jb\u009b31mc\u202ed\n12:00:00 INFO  forged\u2028x\r\ny';
  const text = logged('pretty', (logger) => {
    logger.info({ [bad]: bad, list: [bad] }, bad);
    logger.error({ err: new Error(bad) }, 'failed');
    logger.error({ err: bad }, 'failed');
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may come through
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2028]/);
  assert.deepEqual(
    text.split('\n').filter((line) => /^\d\d:/.test(line) && !/INFO {2}a|ERROR failed/.test(line)),
    [],
  );
});
