/** Changes between dark and light; a choice that equals the system's is none, so that the page follows it again. */
export function toggleTheme() {
  const root = document.documentElement;
  const wanted = root.dataset.shows === 'dark' ? 'light' : 'dark';
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  if (wanted === system) localStorage.removeItem('wuerst.theme');
  else localStorage.setItem('wuerst.theme', wanted);
  dispatchEvent(new Event('themechange'));
  return wanted;
}
