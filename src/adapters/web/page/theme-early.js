// Runs before the first paint, so that a dark page never flashes white.
const dark = matchMedia('(prefers-color-scheme: dark)');

function storedTheme() {
  try {
    return localStorage.getItem('wuerst.theme');
  } catch {
    // Browsers that are told to store nothing throw.
    return null;
  }
}

function showTheme(chosen) {
  const root = document.documentElement;
  if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
  else delete root.dataset.theme;
  root.dataset.shows = root.dataset.theme ?? (dark.matches ? 'dark' : 'light');
}

dark.addEventListener('change', () => showTheme(document.documentElement.dataset.theme));
addEventListener('storage', () => showTheme(storedTheme()));
addEventListener('themechange', ({ detail }) => showTheme(detail));
showTheme(storedTheme());
