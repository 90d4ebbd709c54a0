import type { Page } from 'playwright-core';
import { ACCENTED } from '../../texts/pseudo.ts';

/** Their first argument or the name in their second one is a text that the page shows. */
const BY_TEXT = new Set(['getByText', 'getByLabel', 'getByRole']);
const GIVES_LOCATOR = new Set(['locator', 'first', 'last', 'nth', 'filter']);

/**
 * The page as one on which English texts find their elements also in the pseudo-language, so that whatever opens a state does
 * so in both.
 */
export function inPseudo(page: Page): Page {
  return wrapped(page);
}

function wrapped<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return typeof member === 'object' && member !== null ? member : member;
      return (...given: unknown[]) => {
        const args = BY_TEXT.has(String(name)) ? withEither(String(name), given) : given;
        const result: unknown = Reflect.apply(member, target, args);
        const isLocator = BY_TEXT.has(String(name)) || GIVES_LOCATOR.has(String(name));
        return isLocator && typeof result === 'object' && result !== null ? wrapped(result) : result;
      };
    },
  });
}

function withEither(method: string, [first, options]: readonly unknown[]): unknown[] {
  const { exact = false, name, ...others } = (options ?? {}) as { exact?: boolean; name?: unknown };
  if (method !== 'getByRole') return [typeof first === 'string' ? either(first, exact) : first, others];
  if (name === undefined) return [first, others];
  return [first, { ...others, name: typeof name === 'string' ? either(name, exact) : name }];
}

/** What stands for a text in either language. */
function either(text: string, exact: boolean): RegExp {
  const letters = [...text].map((letter) => {
    const accented = ACCENTED.get(letter);
    return accented === undefined ? letter.replace(/[.*+?^${}()|[\]\\/]/, '\\$&') : `[${letter}${accented}]`;
  });
  return new RegExp(exact ? `^\\s*⟦?${letters.join('')}(?:| .*⟧)\\s*$` : letters.join(''), 'i');
}

/** What people typed, names, and what the stand-in for the bot says, which speaks English only. */
const NOT_OF_THE_PAGE = [
  // Typed or named by somebody: prompts, people, rooms, files; keys and values of the grammar; dates.
  'bdi, code, kbd, .prompt, .idea, .hash, .name, .room-title, .brand-name, .avatar, .relative, .queue-title, .given-list',
  '.keys, .sizes, .segments, select, textarea, .tile, figure, .compare-table td, .lightbox-title, .setting input, time',
  // Replies and what they are made of, suggestions, problems, and reports of the administration.
  '.note, .lines, .facts, .fields, .status-label, .problem, .given-marks, #announcer, [data-action*=":"], [data-image]',
  '.completion, .palette-row, .help-row, .admin-table td, .admin-rule label, .admin-rule input',
].join(', ');

/** In dialogs that ask what the stand-in wants to know. */
const ASKED = ['Remix', 'Prompt', 'Delete', 'Delete these pictures?'];

/** Texts in sight that do not come from the catalogue, as the browser finds them. */
export const UNTRANSLATED = `(() => {
  const exempt = ${JSON.stringify(NOT_OF_THE_PAGE)};
  const isTranslated = (element) => {
    for (let one = element, k = 0; one && k < 3; one = one.parentElement, k += 1) {
      const text = one.textContent.trim();
      if (text.startsWith('⟦') && text.endsWith('⟧')) return true;
    }
    return false;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (!/\\p{L}{2}/u.test(data) || /[⟦⟧]|^#/.test(data) || ${JSON.stringify(ASKED)}.includes(data)) continue;
    if (!parentElement.checkVisibility() || parentElement.closest(exempt) || isTranslated(parentElement)) continue;
    found.push(data.trim());
  }
  for (const element of document.querySelectorAll('[aria-label], [title], [placeholder]')) {
    if (!element.checkVisibility() || element.closest(exempt)) continue;
    for (const name of ['aria-label', 'title', 'placeholder']) {
      const value = element.getAttribute(name) ?? '';
      if (/\\p{L}{3}/u.test(value) && !value.includes('⟦')) found.push(name + '=' + value);
    }
  }
  return [...new Set(found)];
})()`;

/** Elements whose text does not fit into them. Some scroll by design, some end in an ellipsis. */
export const CUT_OFF = `[...document.querySelectorAll('body *')].filter((one) => {
  const hasText = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
  if (!hasText || !one.checkVisibility({ visibilityProperty: true }) || one.closest('.visually-hidden')) return false;
  const { display, overflowX, overflowY, textOverflow, webkitLineClamp } = getComputedStyle(one);
  if (display.startsWith('inline') && display !== 'inline-block' && display !== 'inline-flex') return false;
  if (textOverflow === 'ellipsis' || webkitLineClamp !== 'none' || /auto|scroll/.test(overflowX + overflowY)) return false;
  return one.scrollWidth > one.clientWidth + 1 || (overflowY === 'hidden' && one.scrollHeight > one.clientHeight + 1);
}).map((one) => one.outerHTML.slice(0, 140))`;

/** Takes marks and length away, so that labels are parts of what is read out for them as they are in English. */
export const SHORTENED = `(() => {
  const plain = (text) => text.replace(/⟦|(?: lorém)*(?: l?o?r?é?m?)?⟧/g, '');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) walker.currentNode.data = plain(walker.currentNode.data);
  for (const element of document.querySelectorAll('*')) {
    for (const { name, value } of [...element.attributes]) if (value.includes('⟦')) element.setAttribute(name, plain(value));
  }
})()`;
