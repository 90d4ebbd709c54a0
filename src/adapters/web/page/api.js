import { t } from './texts.js';

/** The server's refusal, or `offline` with status 0 when it gave no answer. */
export class Problem extends Error {
  constructor(status, { code, message, hint }) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint ?? null;
  }
}

const OFFLINE = {
  code: 'offline',
  message: t('The bot cannot be reached.'),
  hint: t('It may be restarting. Try again in a moment.'),
};

export async function request(path, options = {}) {
  const response = await fetch(path, options).catch(() => {
    throw new Problem(0, OFFLINE);
  });
  if (response.status === 204) return null;
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw new Problem(response.status, body?.error ?? OFFLINE);
}

export function post(path, body, key) {
  const isForm = body instanceof FormData;
  const type = isForm ? {} : { 'content-type': 'application/json' };
  const headers = { ...type, ...(key ? { 'idempotency-key': key } : {}) };
  return request(path, { method: 'POST', headers, body: isForm ? body : JSON.stringify(body) });
}

/** Sends again once when there was no answer. The key makes sure that it takes effect only once, however often it is sent. */
async function postOnce(path, body, key) {
  try {
    return await post(path, body, key);
  } catch (error) {
    if (error.status !== 0) throw error;
    return post(path, body, key);
  }
}

export const api = {
  session: () => request('/api/session'),
  signIn: (token, user) => post('/api/session', { token, user }),
  account: () => request('/api/account'),
  newToken: (label) => post('/api/account/tokens', { label }),
  endKey: (id) => request(`/api/account/keys/${id}`, { method: 'DELETE' }),
  invite: (user, admin) => post('/api/invitations', { user, admin }),
  signOut: () => request('/api/session', { method: 'DELETE' }),
  /** `body`: `{ text, user }`, or a form where pictures go with it. */
  command: (room, body, key) => postOnce(`/api/rooms/${room}/commands`, body, key),
  act: (room, action, user, text, key) =>
    postOnce('/api/actions', { action, user, room, ...(text === undefined ? {} : { text }) }, key),
  rooms: (user) => request(`/api/rooms?${new URLSearchParams({ user })}`),
  gallery: (query) => request(`/api/gallery?${new URLSearchParams(query)}`),
  picture: (id, user) => request(`/api/pictures/${id}?${new URLSearchParams({ user })}`),
  zip: (ids, user) => post('/api/zips', { ids, user }),
  settings: (room, user) => request(`/api/settings?${new URLSearchParams({ room, user })}`),
  settingsIn: (text, room, user) => request(`/api/settings/in?${new URLSearchParams({ text, room, user })}`),
  marks: (file) => request('/api/marks', { method: 'POST', headers: { 'content-type': file.type }, body: file }),
  queue: (room, user) => request(`/api/queue?${new URLSearchParams({ room, user })}`),
  shared: (id) => request(`/api/shared/${id}`),
  sharedPicture: async (id, place) => (await fetch(`/api/shared/${id}/${place}`)).blob(),
  model: () => request('/api/model'),
  jobs: (room, before) => request(`/api/rooms/${room}/jobs${before ? `?before=${encodeURIComponent(before)}` : ''}`),
  everything: (room, user) => request(`/api/everything?${new URLSearchParams({ room, user })}`),
  help: (room, user) => request(`/api/help?${new URLSearchParams({ room, user })}`),
  complete: (room, user, text, cursor) => request(`/api/complete?${new URLSearchParams({ room, user, text, cursor })}`),
};

/** Not `randomUUID`, which browsers offer only over HTTPS and on this machine. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
