import { el } from './dom.js';
import { pageLanguage, t } from './texts.js';

export const WELCOME = t('What would you like to see?');
const INTRO = t('Describe a picture. You can add settings such as size, style or seed anywhere in the text.');

/** What an empty room shows. `onIdea(text)` is called for the idea that was clicked. */
export function welcome(ideas, onIdea) {
  const idea = ({ text, settings }) => {
    const properties = { type: 'button', class: 'idea panel', onclick: () => onIdea(`${text} ${settings}`) };
    // Read out and copied, a line break is no space.
    return el('li', {}, el('button', properties, el('span', {}, text), ' ', el('code', {}, settings)));
  };
  return [
    el('img', { src: new URL('icon.svg', import.meta.url).pathname, alt: '' }),
    el('h2', {}, WELCOME),
    el('p', {}, INTRO),
    pageLanguage() === 'en'
      ? ''
      : el('p', {}, t('The model understands English only, so ideas and prompts are in English.')),
    el('ul', { class: 'ideas', 'aria-label': t('Ideas to start with') }, ideas.map(idea)),
  ];
}
