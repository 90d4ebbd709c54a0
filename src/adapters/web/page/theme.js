import { storage } from './storage.js';

/** Switches between dark and light. Choosing the system's theme makes the page follow the system again. */
export function toggleTheme() {
  const root = document.documentElement;
  const wanted = root.dataset.shows === 'dark' ? 'light' : 'dark';
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  if (wanted === system) storage.remove('wuerst.theme');
  else storage.set('wuerst.theme', wanted);
  dispatchEvent(new CustomEvent('themechange', { detail: wanted === system ? null : wanted }));
  return wanted;
}
