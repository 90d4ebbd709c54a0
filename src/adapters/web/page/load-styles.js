import { el } from './dom.js';

const loading = new Map();

/** Styles of what is loaded when it is opened, once. */
export function loadStyles(name) {
  if (!loading.has(name)) loading.set(name, load(name));
  return loading.get(name);
}

function load(name) {
  const link = el('link', { rel: 'stylesheet', href: new URL(name, import.meta.url).pathname });
  return new Promise((resolve) => {
    link.addEventListener('load', resolve);
    // Without styles is better than not at all.
    link.addEventListener('error', resolve);
    document.head.append(link);
  });
}
