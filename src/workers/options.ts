import * as z from 'zod';
import { OperatorError } from '../system/errors.ts';
import { list, port, text, variable } from '../system/variables.ts';
import { t } from '../texts/translate.ts';
import { readRedisAddress } from './redis-address.ts';

/** The options of painting on other machines; `undefined` where it is turned off. */
export const workersOptions = z
  .object({
    redis: variable(
      'WUERST_REDIS',
      () =>
        t(
          'address of Redis or Valkey, as in rediss://user:password@host:6379, to paint on other machines with `wuerst worker`',
        ),
      text.optional(),
      () => t('this machine paints alone'),
    ),
    plainHosts: variable(
      'WUERST_PLAIN_HOSTS <hosts>',
      () => t('hosts of other machines whose Redis may be used without encryption, with commas'),
      list.default([]),
      () => t('none'),
    ),
    host: variable(
      'WUERST_WORKERS_HOST <address>',
      () => t('address that the bot listens on for the pictures of workers'),
      text.prefault('127.0.0.1'),
    ),
    port: variable('WUERST_WORKERS_PORT <port>', () => t('its port; 0 takes any free one'), port.prefault('3211')),
  })
  .transform(({ redis, plainHosts, ...options }, { addIssue }) => {
    if (redis === undefined) return undefined;
    const where = { setting: 'WUERST_REDIS', plainHosts, plainSetting: 'WUERST_PLAIN_HOSTS' };
    try {
      return { ...options, redis: readRedisAddress(redis, where) };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      addIssue(error.hint === undefined ? error.message : `${error.message} ${error.hint}`);
      return z.NEVER;
    }
  });

export type WorkersOptions = NonNullable<z.output<typeof workersOptions>>;
