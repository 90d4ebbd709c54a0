/**
 * What another app of a phone shared with this page, which is taken out of the address: `text`, empty for nothing, and `shared`, the
 * id of pictures, `sign-in` or `refused` where they were not taken, and `null` for none; `left` says how many of them were left out.
 */
export function takeShared() {
  const given = new URLSearchParams(location.search);
  const parts = ['title', 'text', 'url'].map((name) => given.get(name)?.trim()).filter(Boolean);
  if (location.search !== '') history.replaceState(null, '', location.pathname + location.hash);
  // Apps often say the same twice.
  return { text: [...new Set(parts)].join(' '), shared: given.get('shared'), left: Number(given.get('left') ?? 0) };
}
