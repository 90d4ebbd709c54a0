import { announce } from './announce.js';
import { api } from './api.js';
import { askConfirmation, askInvitation, askOneButton, copyField, sheet } from './dialogs.js';
import { el } from './dom.js';
import { invitationLink, personalLink } from './links.js';
import { clockTime } from './time.js';

const BACK = 'Keep it like a password: it is the way back in another browser, or when this session has ended.';

/** A new personal link, as a reply of the chat shows it. */
export async function newLinkNote(user) {
  const { token } = await api.newToken('personal link');
  return {
    title: `The name ${user} is yours now. This is your personal link.`,
    lines: [BACK],
    code: personalLink(token),
  };
}

/** Who am I: devices, links, and for admins invitations. Resolves to `sign-out` if that was wanted and confirmed. */
export async function showAccount() {
  for (;;) {
    const account = await api.account();
    const wanted = await askOneButton(accountSheet(account));
    if (wanted === null) return null;
    if (wanted === 'sign-out') {
      const question = `Sign out of this browser? Your personal link or token brings you back as ${account.user}.`;
      if (await askConfirmation(question, 'Sign out', false)) return 'sign-out';
    } else if (wanted === 'link') await showNewLink();
    else if (wanted === 'invite') await invite();
    else await end(account.keys.find(({ id }) => id === wanted));
  }
}

function accountSheet({ user, admin, keys }) {
  const choices = [['link', 'New personal link'], ...(admin ? [['invite', 'Invite somebody']] : [])];
  return {
    title: el('span', {}, 'You are ', el('bdi', {}, user), admin ? el('span', { class: 'tag' }, 'admin') : null),
    intro: 'These browsers and links are signed in as you.',
    body: el('ul', { class: 'keys-list' }, keys.map(keyRow)),
    choices: choices.map(([value, label]) => ({ value, label })),
  };
}

function keyRow({ id, kind, label, usedAt, createdAt, current }) {
  const when = usedAt === null ? `made ${clockTime(createdAt)}, never used` : `last used ${clockTime(usedAt)}`;
  const action = kind === 'device' ? 'Sign out' : 'End';
  const spoken = current ? 'Sign out of this browser' : `${action}: ${label}`;
  return el(
    'li',
    {},
    el(
      'span',
      { class: 'key-text' },
      el('bdi', { class: 'one-line' }, label),
      el('span', { class: 'key-when' }, current ? 'this browser' : when),
    ),
    el('button', { class: 'button', value: current ? 'sign-out' : id, 'aria-label': spoken }, action),
  );
}

async function end({ id, kind, label }) {
  const question =
    kind === 'device' ? `Sign ${label} out?` : `End ${label}? Links and scripts that use it stop working.`;
  if (!(await askConfirmation(question, kind === 'device' ? 'Sign out' : 'End', true))) return;
  await api.endKey(id);
  announce('Done.');
}

async function showNewLink() {
  const { token } = await api.newToken('personal link');
  await sheet({
    title: 'Your personal link',
    intro: `${BACK} Scripts send the token as “Authorization: Bearer …”. Neither is shown again.`,
    body: el('div', { class: 'sheet-fields' }, copyField('Link', personalLink(token)), copyField('Token', token)),
  });
}

async function invite() {
  const invited = await askInvitation(api.invite);
  if (invited === null) return;
  await sheet({
    title: 'An invitation',
    intro: 'Send it to the one person it is for: it works once, within a week.',
    body: el('div', { class: 'sheet-fields' }, copyField('Link', invitationLink(invited.invitation))),
  });
}
