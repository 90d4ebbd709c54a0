// Runs before the first paint.

const dark = matchMedia('(prefers-color-scheme: dark)');
const LONGEST_WAIT_MS = 300;

function storedTheme() {
  try {
    return localStorage.getItem('wuerst.theme');
  } catch {
    // Browsers that are told to store nothing throw.
    return null;
  }
}

/** So that a dark page never flashes white. */
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

/** The modules are many: what is seen first does not share the machine with them. Nothing is painted while the page is hidden. */
async function startAfterFirstPaint() {
  const parsed = new Promise((resolve) => addEventListener('DOMContentLoaded', resolve));
  const painted = new Promise((resolve) => {
    new PerformanceObserver(resolve).observe({ type: 'paint', buffered: true });
    setTimeout(resolve, LONGEST_WAIT_MS);
  });
  await Promise.all([parsed, painted]);
  const { content } = document.querySelector('#modules');
  // In their order.
  for (const script of content.querySelectorAll('script')) script.async = false;
  document.head.append(content);
}

startAfterFirstPaint();
