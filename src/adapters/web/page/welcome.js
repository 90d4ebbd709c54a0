import { el } from './dom.js';

const INTRO = 'Describe a picture. You can add settings such as size, style or seed anywhere in the text.';

/** What an empty room shows. `onIdea(text)` is called for the idea that was clicked. */
export function welcome(ideas, onIdea) {
  const idea = ({ text, settings }) => {
    const properties = { type: 'button', class: 'idea panel', onclick: () => onIdea(`${text} ${settings}`) };
    return el('li', {}, el('button', properties, text, el('br'), el('code', {}, settings)));
  };
  return [
    el('img', { src: '/page/icon.svg', alt: '' }),
    el('h2', { id: 'welcome-title' }, 'What would you like to see?'),
    el('p', {}, INTRO),
    el('ul', { class: 'ideas', 'aria-label': 'Ideas to start with' }, ideas.map(idea)),
  ];
}
