import { storage } from './storage.js';

const KEY = 'wuerst.shared';

/**
 * What another app of a phone shared with this page, which is taken out of the address: `text`, empty for nothing, and `shared`, the
 * id of pictures, `refused` where they were not taken, and `null` for none; `left` says how many of them were left out. Pictures are
 * kept until `forgetShared`, since whoever has to sign in first may do that in another page, with a link.
 */
export function takeShared() {
  const given = new URLSearchParams(location.search);
  const parts = ['title', 'text', 'url'].map((name) => given.get(name)?.trim()).filter(Boolean);
  if (location.search !== '') history.replaceState(null, '', location.pathname + location.hash);
  if (given.has('shared')) storage.set(KEY, `${given.get('shared')} ${given.get('left') ?? 0}`);
  const [shared = null, left = 0] = storage.get(KEY)?.split(' ') ?? [];
  // Apps often say the same twice.
  return { text: [...new Set(parts)].join(' '), shared, left: Number(left) };
}

export function forgetShared() {
  storage.remove(KEY);
}
