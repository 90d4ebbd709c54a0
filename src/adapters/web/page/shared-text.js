/** What another app of a phone shared with this page, which is taken out of the address; empty for nothing. */
export function takeSharedText() {
  const shared = new URLSearchParams(location.search);
  const parts = ['title', 'text', 'url'].map((name) => shared.get(name)?.trim()).filter(Boolean);
  if (location.search !== '') history.replaceState(null, '', location.pathname + location.hash);
  // Apps often say the same twice.
  return [...new Set(parts)].join(' ');
}
