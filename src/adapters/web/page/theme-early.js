// Runs before the first paint, so that a dark page never flashes white.
const dark = matchMedia('(prefers-color-scheme: dark)');

function showTheme() {
  const chosen = localStorage.getItem('wuerst.theme');
  const root = document.documentElement;
  if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
  else delete root.dataset.theme;
  root.dataset.shows = chosen ?? (dark.matches ? 'dark' : 'light');
}

dark.addEventListener('change', showTheme);
addEventListener('storage', showTheme);
addEventListener('themechange', showTheme);
showTheme();
