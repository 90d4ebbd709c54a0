import { tell } from './announce.js';
import { api } from './api.js';
import { askConfirmation, askInvitation, askOneButton, copyField, sheet, showLoaded } from './dialogs.js';
import { el } from './dom.js';
import { invitationLink, personalLink } from './links.js';
import { t, withElements } from './texts.js';
import { clockTime } from './time.js';

const BACK = t('Keep it like a password: it is the way back in another browser, or when this session has ended.');

/** A new personal link, as a reply of the chat shows it. */
export async function newLinkNote(user) {
  const { token } = await api.newToken('personal link');
  return {
    title: t('The name {user} is yours now. This is your personal link.', { user }),
    lines: [BACK],
    code: personalLink(token),
  };
}

/** Who am I: devices, links, and for admins invitations. Resolves to `sign-out` if that was wanted and confirmed. */
export async function showAccount() {
  for (;;) {
    const ask = async (account) => ({ account, wanted: await askOneButton(accountSheet(account)) });
    const { account, wanted } = (await showLoaded(api.account, ask)) ?? { wanted: null };
    if (wanted === null) return null;
    if (wanted === 'sign-out') {
      const question = t('Sign out of this browser? Your personal link or token brings you back as {user}.', {
        user: account.user,
      });
      if (await askConfirmation(question, t('Sign out'), false)) return 'sign-out';
    } else if (wanted === 'link') await showNewLink();
    else if (wanted === 'invite') await invite();
    else await end(account.keys.find(({ id }) => id === wanted));
  }
}

function accountSheet({ user, admin, keys }) {
  const choices = [['link', t('New personal link')], ...(admin ? [['invite', t('Invite somebody')]] : [])];
  return {
    title: el(
      'span',
      {},
      withElements(t('You are {name}'), { name: el('bdi', {}, user) }),
      admin ? el('span', { class: 'tag' }, t('admin')) : null,
    ),
    intro: t('These browsers and links are signed in as you.'),
    body: el('ul', { class: 'keys-list' }, keys.map(keyRow)),
    choices: choices.map(([value, label]) => ({ value, label })),
  };
}

function keyRow({ id, kind, label, usedAt, createdAt, current }) {
  const when =
    usedAt === null
      ? t('made {time}, never used', { time: clockTime(createdAt) })
      : t('last used {time}', { time: clockTime(usedAt) });
  const isDevice = kind === 'device';
  const action = isDevice ? t('Sign out') : t('End');
  const other = isDevice ? t('Sign out: {device}', { device: label }) : t('End: {link}', { link: label });
  const spoken = current ? t('Sign out of this browser') : other;
  return el(
    'li',
    {},
    el(
      'span',
      { class: 'key-text' },
      el('bdi', { class: 'one-line' }, label),
      el('span', { class: 'key-when' }, current ? t('this browser') : when),
    ),
    el('button', { class: 'button', value: current ? 'sign-out' : id, 'aria-label': spoken }, action),
  );
}

async function end({ id, kind, label }) {
  const question =
    kind === 'device'
      ? t('Sign {device} out?', { device: label })
      : t('End {link}? Links and scripts that use it stop working.', { link: label });
  if (!(await askConfirmation(question, kind === 'device' ? t('Sign out') : t('End'), true))) return;
  await api.endKey(id);
  tell(t('Done.'));
}

async function showNewLink() {
  const { token } = await api.newToken('personal link');
  await sheet({
    title: t('Your personal link'),
    intro: `${BACK} ${t('Scripts send the token as {header}. Neither is shown again.', { header: '“Authorization: Bearer …”' })}`,
    body: el('div', { class: 'sheet-fields' }, copyField(t('Link'), personalLink(token)), copyField(t('Token'), token)),
  });
}

async function invite() {
  const invited = await askInvitation(api.invite);
  if (invited === null) return;
  await sheet({
    title: t('An invitation'),
    intro: t('Send it to the one person it is for: it works once, within a week.'),
    body: el('div', { class: 'sheet-fields' }, copyField(t('Link'), invitationLink(invited.invitation))),
  });
}
