import { el } from './dom.js';

const IDEAS = [
  { text: 'a red fox in the snow, golden hour', settings: 'size:1024x1536 style:aesthetic' },
  { text: 'a market stall of glowing lanterns, ink and watercolour', settings: 'n:4' },
  { text: 'a dachshund astronaut, studio photograph', settings: 'seed:7' },
  { text: 'a bratwurst grill at the edge of a Norwegian fjord', settings: 'ar:16:9' },
];

/** What an empty room shows. */
export function welcome(onIdea) {
  const idea = ({ text, settings }) => {
    const button = el('button', { type: 'button', class: 'idea panel' }, text, el('br'), el('code', {}, settings));
    button.addEventListener('click', () => onIdea(`${text} ${settings}`));
    return el('li', {}, button);
  };
  return el(
    'section',
    { class: 'welcome', 'aria-labelledby': 'welcome-title' },
    el('img', { src: '/page/icon.svg', alt: '', width: '72', height: '72' }),
    el('h2', { id: 'welcome-title' }, 'What shall we grill today?'),
    el(
      'p',
      {},
      'Describe a picture. Settings like size, style or seed go anywhere in the text. Nobody needs to know how the sausage is made, but you may watch.',
    ),
    el('ul', { class: 'ideas', 'aria-label': 'Ideas to begin with' }, IDEAS.map(idea)),
  );
}
