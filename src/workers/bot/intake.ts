import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type * as z from 'zod';
import { VERSION } from '../../pipeline/version.ts';
import { ifThere } from '../../system/if-there.ts';
import type { Logger } from '../../system/logging.ts';
import { parsedJson, toWire, unpackImage, wireEnd, wireStep } from '../wire.ts';
import { Attempt, type Attempts } from './attempts.ts';
import { pngSize } from './png-size.ts';

export interface IntakeOptions {
  readonly attempts: Attempts;
  /** This bot's id. */
  readonly bot: string;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}

const MESSAGE_BYTES = 2 * 2 ** 20;
const PICTURE_BYTES = 64 * 2 ** 20;
const ATTEMPT = '/workers/jobs/:job/attempts/:attempt/:signature';
const HASH = /^[0-9a-f]{64}$/;

interface Heard {
  readonly Variables: { readonly attempt: Attempt };
}

type Status = 400 | 403 | 404 | 409 | 410 | 413 | 422;

/** What workers fetch and send: the request of their attempt, its progress, its pictures and its end. */
export function createIntake({ attempts, bot, logger }: IntakeOptions): Hono<Heard> {
  const app = new Hono<Heard>();
  const refuse = (c: Context, status: Status, code: string, message: string) =>
    c.json({ error: { code, message } }, status);

  /** Nothing of a body is read before it is known that the address is of this bot and of an attempt that goes on. */
  const known: MiddlewareHandler<Heard> = async (c, next) => {
    const [job = '', attempt = '', signature = ''] = ['job', 'attempt', 'signature'].map((name) => c.req.param(name));
    const found = attempts.find(job, attempt, signature);
    if (found === 'forged') return refuse(c, 403, 'signature_wrong', 'This address was not given by this bot.');
    if (!(found instanceof Attempt)) return refuse(c, 410, 'attempt_over', 'Somebody else has the job now.');
    found.heard();
    c.set('attempt', found);
    return next();
  };
  const wanted: MiddlewareHandler<Heard> = async (c, next) =>
    c.get('attempt').isCurrent ? next() : refuse(c, 410, 'attempt_over', 'The job is not wanted any more.');
  const read = async <T>(c: Context, schema: z.ZodType<T>, use: (message: T) => Response): Promise<Response> => {
    const message = schema.safeParse(parsedJson(await c.req.text()));
    if (message.success) return use(message.data);
    const [issue] = message.error.issues;
    return refuse(c, 422, 'message_invalid', `Unexpected ${issue?.path.join('.') || 'message'}: ${issue?.message}.`);
  };
  const limited = (maxSize: number) =>
    bodyLimit({ maxSize, onError: (c) => refuse(c, 413, 'message_too_large', `Expected at most ${maxSize} bytes.`) });

  app.get('/workers', (c) => c.json({ program: 'wuerst', version: VERSION, bot }));

  app.get(ATTEMPT, known, wanted, (c) => {
    const attempt = c.get('attempt');
    attempt.started = true;
    return c.json(toWire(attempt.request));
  });

  app.get(`${ATTEMPT}/files/:hash`, known, wanted, async (c) => {
    const { files = {} } = c.get('attempt').request;
    const hash = c.req.param('hash');
    const path = Object.hasOwn(files, hash) ? files[hash] : undefined;
    // It may be gone since the job was planned: whoever plans it again says so.
    const content = path === undefined ? undefined : await ifThere(readFile(path));
    if (!content) return refuse(c, 404, 'file_unknown', 'The job does not start from this file.');
    return c.body(new Uint8Array(content), 200, { 'Content-Type': 'application/octet-stream' });
  });

  app.post(`${ATTEMPT}/beat`, known, wanted, (c) => c.body(null, 204));

  app.post(`${ATTEMPT}/steps`, known, wanted, limited(MESSAGE_BYTES), (c) =>
    read(c, wireStep, (step) => {
      c.get('attempt').step(step);
      return c.body(null, 204);
    }),
  );

  app.put(`${ATTEMPT}/images/:index`, known, wanted, limited(PICTURE_BYTES), async (c) => {
    const attempt = c.get('attempt');
    const plan = attempt.request.images.find(({ index }) => String(index) === c.req.param('index'));
    if (plan === undefined) return refuse(c, 404, 'image_unknown', 'The job has no such picture.');
    const promised = c.req.header('wuerst-sha256') ?? '';
    if (!HASH.test(promised)) return refuse(c, 400, 'hash_missing', 'Expected the header Wuerst-Sha256.');
    const body = Buffer.from(await c.req.arrayBuffer());
    const hash = createHash('sha256').update(body).digest('hex');
    if (hash !== promised)
      return refuse(c, 422, 'hash_wrong', `Expected ${promised}, got ${body.length} bytes with ${hash}.`);
    const image = unpackImage(body);
    const size = image && pngSize(image.png);
    const { width, height } = attempt.request;
    if (image === undefined || size?.width !== width || size.height !== height) {
      return refuse(c, 422, 'image_invalid', `Expected a PNG of ${width}x${height} with its embedding.`);
    }
    // Longer than the lease, where the bot waits for its own disk.
    const stored = await attempt.image({ type: 'image', image: plan.index, ...image }, hash);
    return stored ? c.body(null, 204) : refuse(c, 410, 'attempt_over', 'The picture is not wanted any more.');
  });

  app.post(`${ATTEMPT}/end`, known, limited(MESSAGE_BYTES), (c) =>
    read(c, wireEnd, (end) => {
      c.get('attempt').finish(end);
      return c.body(null, 204);
    }),
  );

  app.notFound((c) => refuse(c, 404, 'not_found', 'Only workers have something to do here.'));
  app.onError((error, c) => {
    // An upload that broke off: the worker knows, and sends it again.
    logger.warn({ err: error }, 'a message of a worker could not be read');
    return refuse(c, 400, 'message_broken', 'The message could not be read.');
  });
  return app;
}
