import { el } from './dom.js';

const IDEAS = [
  { text: 'a red fox in the snow, golden hour', settings: 'size:1024x1536 style:aesthetic' },
  { text: 'a market stall of glowing lanterns, ink and watercolour', settings: 'n:4' },
  { text: 'a dachshund astronaut, studio photograph', settings: 'seed:7' },
  { text: 'a bratwurst grill at the edge of a Norwegian fjord', settings: 'ar:16:9' },
];
const INTRO = 'Describe a picture. You can add settings such as size, style or seed anywhere in the text.';

/** What an empty room shows. `onIdea(text)` is called for the idea that was clicked. */
export function welcome(onIdea) {
  const idea = ({ text, settings }) => {
    const properties = { type: 'button', class: 'idea panel', onclick: () => onIdea(`${text} ${settings}`) };
    return el('li', {}, el('button', properties, text, el('br'), el('code', {}, settings)));
  };
  return el(
    'section',
    { class: 'welcome', 'aria-labelledby': 'welcome-title' },
    el('img', { src: '/page/icon.svg', alt: '' }),
    el('h2', { id: 'welcome-title' }, 'What would you like to see?'),
    el('p', {}, INTRO),
    el('ul', { class: 'ideas', 'aria-label': 'Ideas to start with' }, IDEAS.map(idea)),
  );
}
