import { Hono } from 'hono';
import { PERSON_BOUNDS } from '../../../bot/person-bounds.ts';
import { RateLimit } from '../../../bot/rate-limit.ts';
import { UserError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';
import { t } from '../../../texts/translate.ts';
import type { Core } from '../../adapter.ts';
import { Access } from './access.ts';
import { EventEncoder } from './event-json.ts';
import { FormTurns } from './form-turns.ts';
import { hostGuard, originGuard, readerLanguage, securityHeaders } from './guard.ts';
import { LiveEvents } from './live-events.ts';
import type { WebAdapterOptions } from './options.ts';
import { PictureZips } from './picture-zips.ts';
import { notFound, problemResponse } from './problems.ts';
import { accountRoutes } from './routes/account.ts';
import { adminRoutes } from './routes/admin.ts';
import { commandRoutes } from './routes/commands.ts';
import { completionRoutes } from './routes/completion.ts';
import { eventRoutes } from './routes/events.ts';
import { exportRoutes } from './routes/export.ts';
import { galleryRoutes } from './routes/gallery.ts';
import { healthRoutes, metricsRoute } from './routes/health.ts';
import { imageRoutes } from './routes/images.ts';
import { jobRoutes, roomRoutes } from './routes/jobs.ts';
import { markRoutes } from './routes/marks.ts';
import { modelRoutes } from './routes/model.ts';
import { pageRoutes } from './routes/page.ts';
import { queueRoutes } from './routes/queue.ts';
import { sessionGuard, sessionRoutes } from './routes/session.ts';
import { settingsRoutes } from './routes/settings.ts';
import { shareRoutes } from './routes/share.ts';
import { ServedPictures } from './served-pictures.ts';
import { SharedPictures } from './shared-pictures.ts';
import type { Mount, WebApp, WebContext, WebEnv } from './web-context.ts';
import { WrongTokens } from './wrong-tokens.ts';

export interface RunningWebApp {
  readonly app: WebApp;
  /** Ends the event streams and takes no new requests. */
  close(): void;
}

/**
 * The HTTP face over a core, without a socket.
 *
 * @param mounts further routes, behind the guards that everything is behind
 *
 * @example const { app } = createWebApp(core, { ...options, logger }); await app.request('/healthz');
 */
export function createWebApp(core: Core, options: WebAdapterOptions, mounts: readonly Mount[] = []): RunningWebApp {
  const access = new Access(options);
  const web: WebContext = {
    core,
    options,
    access,
    live: new LiveEvents(core),
    encoder: new EventEncoder(core),
    streams: new Map(),
    wrongTokens: new WrongTokens((key) => warnOfGuesses(options.logger, key)),
    requests: new RateLimit(access.open ? PERSON_BOUNDS.ownMachineRequests : PERSON_BOUNDS.requests),
    positions: new RateLimit(PERSON_BOUNDS.positions),
    forms: new FormTurns(4),
    pictures: new ServedPictures(core.marker),
    zips: new PictureZips(),
    shared: new SharedPictures(160 * 2 ** 20),
    strangers: { forms: new FormTurns(1), shared: new SharedPictures(40 * 2 ** 20) },
  };
  let stopping = false;

  const app = new Hono<WebEnv>();
  app.onError((error, c) => problemResponse(error, c, options.logger));
  app.notFound((c) => problemResponse(notFound(t('There is nothing at this address.')), c, options.logger));
  app.use(securityHeaders, readerLanguage);
  healthRoutes(app, web);
  app.use(hostGuard(options.hostnames), originGuard, async (_c, next) => {
    if (stopping) throw new UserError('stopping', t('The bot is restarting.'), { hint: t('Try again in a moment.') });
    await next();
  });
  const closings = mounts.map((mount) => mount(app, web));
  pageRoutes(app);
  sessionRoutes(app, web);
  app.use('/api/*', sessionGuard(web));
  app.use('/images/*', sessionGuard(web));
  app.use('/metrics', sessionGuard(web));
  metricsRoute(app, web);
  accountRoutes(app, web);
  commandRoutes(app, web);
  jobRoutes(app, web);
  roomRoutes(app, web);
  eventRoutes(app, web);
  completionRoutes(app, web);
  modelRoutes(app, web);
  imageRoutes(app, web);
  markRoutes(app, web);
  exportRoutes(app, web);
  galleryRoutes(app, web);
  settingsRoutes(app, web);
  queueRoutes(app, web);
  adminRoutes(app, web);
  shareRoutes(app, web);

  return {
    app,
    close: () => {
      stopping = true;
      for (const stream of [...web.streams.keys()]) stream.end();
      web.live.close();
      web.shared.close();
      web.strangers.shared.close();
      for (const close of closings) close?.();
    },
  };
}

/** What was typed as a name stays out of the log: it may be a token in the wrong place. */
function warnOfGuesses(logger: Logger, key: string): void {
  const who = key.startsWith('address ') ? key : 'one name or token, from many addresses';
  logger.warn({ who }, 'too many wrong tokens: more are refused for a while');
}
