import * as z from 'zod';
import type { WebKey } from '../../../../bot/history/web-accounts.ts';
import { UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { readJson } from '../json-body.ts';
import { parseUser } from '../names.ts';
import { notFound } from '../problems.ts';
import { route, type WebApp, type WebContext, type WebRequest } from '../web-context.ts';

const TOKEN = z.strictObject({ label: z.string().trim().min(1).max(100).default('personal link') });
const INVITATION = z.strictObject({ user: z.string().optional(), admin: z.boolean().default(false) });

/**
 * `/api/account`: who am I, with the devices and personal tokens that prove it; `POST /api/account/tokens` makes one, which is
 * shown once; `DELETE /api/account/keys/{id}` ends one. `POST /api/invitations`, for admins, makes a secret that works once.
 */
export function accountRoutes(app: WebApp, web: WebContext): void {
  const { accounts } = web.access;
  route(app, '/api/account', {
    GET: (c) => {
      const { user, admin, key } = c.get('identity');
      const keys = user === null ? [] : accounts.keysOf(user).filter(({ kind }) => kind !== 'invitation');
      return c.json({ user, admin, open: web.access.open, keys: keys.map((one) => keyJson(one, key)) });
    },
  });
  route(app, '/api/account/tokens', {
    POST: async (c) => {
      const user = provenName(c);
      const { label } = await readJson(c, TOKEN);
      return c.json({ token: accounts.addToken(user, label) }, 201);
    },
  });
  route(app, '/api/account/keys/:id', {
    DELETE: (c) => {
      if (accounts.removeKey(provenName(c), c.req.param('id') ?? '')) return c.body(null, 204);
      throw notFound(t('You have no device and no token with this id.'));
    },
  });
  route(app, '/api/invitations', {
    POST: async (c) => {
      requireAdmin(web, c);
      const { user, admin } = await readJson(c, INVITATION);
      const name = user === undefined || user.trim() === '' ? undefined : parseUser(user);
      // Whoever runs the bot may help somebody to come back; an admin must not become anybody that way.
      if (name !== undefined && accounts.get(name) !== null) {
        throw new UserError('name_taken', t('The name {name} belongs to somebody.', { name: `"${name}"` }), {
          hint: t('Invite to a free name. For a way back to this one, the operator runs {command}.', {
            command: '"wuerst invite"',
          }),
        });
      }
      // Without a name of their own, it is somebody with the token of the admins.
      const by = { surface: 'web', user: c.get('identity').user ?? '' } as const;
      return c.json({ invitation: accounts.invite({ name, admin }, by) }, 201);
    },
  });
}

function keyJson({ id, kind, label, createdAt, usedAt }: WebKey, own: WebKey | undefined) {
  return { id, kind, label, createdAt, usedAt, current: id === own?.id };
}

/** @throws UserError `name_not_proven` for who has not proved a name */
export function provenName(c: WebRequest): string {
  const { user } = c.get('identity');
  if (user !== null) return user;
  throw new UserError('name_not_proven', t('Expected somebody who is signed in, or a personal token.'), {
    hint: t('Sign in on the page. Without WUERST_WEB_TOKEN names belong to nobody, and there is nothing to prove.'),
  });
}

function requireAdmin({ access }: WebContext, c: WebRequest): void {
  if (access.open) {
    throw new UserError('nobody_to_invite', t('This chat asks nobody to sign in, so nobody needs an invitation.'), {
      hint: t('The operator makes it private with WUERST_WEB_TOKEN.'),
    });
  }
  if (c.get('identity').admin) return;
  throw new UserError('admins_only', t('Only admins can invite people.'), { hint: t('Ask whoever runs this bot.') });
}
