import { avatar } from './avatar.js';
import { el, iconButton } from './dom.js';
import { isOpen, JobCard } from './job-card.js';
import { model } from './model.js';
import { note } from './note.js';
import { t } from './texts.js';
import { clockTime, duration } from './time.js';

const LONG_PROMPT = 600;
const BRIEF_PROMPT = 160;
const LONG_CHIP = 40;
const REMARKS = {
  reroll: t('rerolled'),
  'vary-subtle': t('varied a little'),
  'vary-strong': t('varied'),
  larger: t('enlarged'),
  remix: t('remixed'),
};

/** One request in the conversation, with its progress and its result. */
export class JobTurn {
  element;
  job;
  /** The whole text that asked for it, where this page sent it. */
  asked;
  #card;
  #chips = el('div', { class: 'chips' });
  #aside = el('div', { class: 'aside', hidden: true });

  constructor(job, act) {
    this.#card = new JobCard(act);
    const { prompt } = job.request;
    const body = [promptLines(prompt), this.#chips, this.#card.element, this.#aside];
    this.element = frame(job.user, job.createdAt, job.derivation && REMARKS[job.derivation.verb], body);
    this.element.dataset.job = job.id;
    this.update(job);
  }

  get at() {
    return this.job.createdAt;
  }

  get isOpen() {
    return isOpen(this.job);
  }

  update(job) {
    this.job = job;
    this.element.dataset.state = job.state;
    this.element.setAttribute('aria-busy', String(this.isOpen));
    this.#chips.replaceChildren(...chipTexts(job).map((text) => el('span', { class: 'chip', dir: 'auto' }, text)));
    this.#card.update(job);
  }

  tick() {
    if (this.isOpen) this.#card.tick();
  }

  /** Shows a reply to one of its buttons, in place of the one before. */
  showAside(reply, act) {
    const close = () => {
      if (this.#aside.contains(document.activeElement)) this.element.focus({ preventScroll: true });
      this.#aside.replaceChildren();
      this.#aside.hidden = true;
    };
    this.#aside.replaceChildren(iconButton('close', t('Dismiss'), close, 'dismiss'), note(reply, act));
    this.#aside.hidden = false;
    this.#aside.scrollIntoView({ block: 'nearest' });
    return { remove: close };
  }

  setConnected(isConnected) {
    this.#card.setConnected(isConnected);
  }
}

/** A reply that only this page shows. */
export class NoteTurn {
  element;
  at;
  isOpen = false;

  constructor({ user, asked, reply, remark, at, act, onDismiss }) {
    this.at = at;
    this.isAnswer = Boolean(asked);
    this.asked = asked;
    const body = [
      asked ? promptLines(asked, reply.tone === 'error') : null,
      el('div', { class: 'card' }, note(reply, act)),
    ];
    const dismiss = iconButton('close', t('Dismiss'), onDismiss, 'dismiss');
    this.element = frame(user, null, remark, body, dismiss);
  }

  tick() {}

  setConnected() {}
}

/** A prompt; only the start of a long one, until somebody wants to see all of it. `isBrief` above what must be in sight. */
function promptLines(text, isBrief = false) {
  const prompt = el('p', { class: 'prompt', dir: 'auto' }, text);
  if (text.length <= (isBrief ? BRIEF_PROMPT : LONG_PROMPT)) return prompt;
  prompt.classList.add(isBrief ? 'brief' : 'long');
  const onclick = () => {
    const isWhole = prompt.classList.toggle('whole');
    button.textContent = isWhole ? t('Show less') : t('Show all');
    button.setAttribute('aria-expanded', String(isWhole));
  };
  const button = el('button', { type: 'button', class: 'more', 'aria-expanded': 'false', onclick }, t('Show all'));
  return [prompt, button];
}

function frame(user, time, remark, body, dismiss = null) {
  const who = el(
    'div',
    { class: 'turn-who' },
    el('bdi', { class: 'one-line' }, user),
    time === null ? null : el('time', { datetime: new Date(time).toISOString() }, clockTime(time)),
    remark ? el('span', { class: 'via' }, remark) : null,
    dismiss,
  );
  return el('li', { class: 'turn', tabindex: '-1' }, avatar(user), el('div', {}, who, body.flat()));
}

/** A number of equal steps, timesteps, or the usual schedule. */
function stepsText(steps) {
  if (steps === null) return t('usual steps');
  const count = Array.isArray(steps) ? steps.length - 1 : steps;
  return t('{count} steps | {count} steps', { count });
}

function shortened(words) {
  return words.length > LONG_CHIP ? `${words.slice(0, LONG_CHIP)}…` : words;
}

/** The settings that differ from what most people use; Info shows all of them. */
function chipTexts({ request, state, startedAt, finishedAt }) {
  const { width, height, n, style, seed, steps, guidance, negative } = request;
  return [
    `${width} × ${height}`,
    n > 1 && t('{count} picture | {count} pictures', { count: n }),
    style !== 'interpolated' && t('style {style}', { style }),
    t('seed {seed}', { seed }),
    String(steps) !== String(model.usual.steps) && stepsText(steps),
    guidance !== model.usual.guidance && t('guidance {guidance}', { guidance }),
    negative !== '' && t('without {words}', { words: shortened(negative) }),
    // A clock that was set back meanwhile tells nothing.
    state === 'done' && startedAt !== null && finishedAt >= startedAt && duration(finishedAt - startedAt),
  ].filter(Boolean);
}
