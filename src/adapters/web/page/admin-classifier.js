import { actButton, byteSize, table } from './admin-parts.js';
import { el } from './dom.js';
import { t } from './texts.js';

const TEXT = {
  title: t('Picture classifier'),
  intro: t(
    'Finds pictures that are not safe for work. What becomes of them says the rule {rule}, for a room or for everywhere; the bot has it from its next start on. At the terminal: {command}',
    { rule: `nsfw-pictures`, command: `wuerst models pull safety` },
  ),
  heads: [t('Name'), t('State'), t('Size'), t('Licence'), t('Rules'), ''],
  states: { ready: t('here, from the next start on'), absent: t('not here'), damaged: t('damaged') },
  loaded: t('in use'),
  noRule: t('no rule uses it'),
  everywhere: t('everywhere'),
  pull: t('Fetch'),
  pullThis: t('Fetch the picture classifier'),
  verify: t('Check'),
  verifyThis: t('Check the picture classifier'),
  remove: t('Remove'),
  removeThis: t('Remove the picture classifier'),
};

/** What the server calls it among the models. */
export const SAFETY = 'safety';

/** @param acts `{ isFree, begin('pull' | 'verify'), remove() }` */
export function classifierParts({ name, state, license, bytes, loaded, rules }, { isFree, begin, remove }) {
  const isHere = state !== 'absent';
  const buttons = [
    isFree && state !== 'ready' && actButton(TEXT.pull, { spoken: TEXT.pullThis, onclick: () => begin('pull') }),
    isFree && isHere && actButton(TEXT.verify, { spoken: TEXT.verifyThis, onclick: () => begin('verify') }),
    isFree && isHere && actButton(TEXT.remove, { spoken: TEXT.removeThis, danger: true, onclick: remove }),
  ];
  const used = rules.map(({ where, value }) => `${where ?? TEXT.everywhere}: ${value}`);
  const row = [
    el('strong', {}, name),
    isHere && loaded ? TEXT.loaded : TEXT.states[state],
    byteSize(bytes),
    license,
    used.join(', ') || TEXT.noRule,
    el('div', { class: 'buttons' }, buttons.filter(Boolean)),
  ];
  return [
    el('h3', { class: 'admin-subtitle' }, TEXT.title),
    el('p', { class: 'admin-note' }, TEXT.intro),
    table(TEXT.title, TEXT.heads, [row]),
  ];
}
