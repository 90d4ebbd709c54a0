import { post, request } from './api.js';

/** What only admins may ask. `query` names the user and the room that it is about. */
export const adminApi = {
  get: (what, query) => request(address(what, query)),
  post: (what, query, body) => post(address(what, query), body),
  remove: (what, query) => request(address(what, query), { method: 'DELETE' }),
  /** @param file as it is, for what reads files */
  send: (what, query, file) =>
    request(address(what, query), {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: file,
    }),
};

function address(what, query) {
  return `/api/admin/${what}?${new URLSearchParams(query)}`;
}
