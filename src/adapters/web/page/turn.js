import { avatar } from './avatar.js';
import { el, ICONS, icon } from './dom.js';
import { JobCard } from './job-card.js';
import { note } from './note.js';
import { describeSpan, describeTime } from './time.js';

const LONG_PROMPT = 600;
const VERBS = {
  reroll: 'rerolled',
  'vary-subtle': 'varied a little',
  'vary-strong': 'varied',
  larger: 'enlarged',
  remix: 'remixed',
};

/** One request in the conversation and what became of it. */
export class JobTurn {
  element;
  job;
  #card;
  #chips = el('div', { class: 'chips' });

  constructor(job, act) {
    this.#card = new JobCard(act);
    const prompt = el(
      'p',
      { class: job.request.prompt.length > LONG_PROMPT ? 'prompt long' : 'prompt', dir: 'auto' },
      job.request.prompt,
    );
    this.element = frame(job.user, job.createdAt, job.derivation && VERBS[job.derivation.verb], [
      prompt,
      this.#chips,
      this.#card.element,
    ]);
    this.element.dataset.job = job.id;
    this.update(job);
  }

  get at() {
    return this.job.createdAt;
  }

  get isOpen() {
    return this.job.state === 'queued' || this.job.state === 'running';
  }

  update(job) {
    this.job = job;
    this.element.dataset.state = job.state;
    this.element.setAttribute('aria-busy', String(this.isOpen));
    this.#chips.replaceChildren(
      ...describeRequest(job).map((text) => el('span', { class: 'chip', dir: 'auto' }, text)),
    );
    this.#card.update(job);
  }

  tick() {
    if (this.isOpen) this.#card.tick();
  }
}

/** A reply that only this page shows. */
export class NoteTurn {
  element;
  at;
  isOpen = false;

  constructor({ user, asked, reply, at, act, onDismiss }) {
    this.at = at;
    const dismiss = el(
      'button',
      { type: 'button', class: 'icon-button dismiss', 'aria-label': 'Dismiss' },
      icon(ICONS.close),
    );
    dismiss.addEventListener('click', onDismiss);
    const prompt = asked ? el('p', { class: 'prompt', dir: 'auto' }, asked) : null;
    this.element = frame(
      user,
      null,
      'only you see this',
      [prompt, el('div', { class: 'card' }, note(reply, act))],
      dismiss,
    );
  }

  tick() {}
}

function frame(user, time, remark, body, extra) {
  const who = el(
    'div',
    { class: 'turn-who' },
    el('bdi', { class: 'one-line' }, user),
    time === null ? null : el('time', { datetime: new Date(time).toISOString() }, describeTime(time)),
    remark ? el('span', { class: 'via' }, remark) : null,
    extra ?? null,
  );
  return el('li', { class: 'turn', tabindex: '-1' }, avatar(user), el('div', {}, who, body));
}

/** The settings that are worth a glance; Info has all of them. */
function describeRequest({ request, state, startedAt, finishedAt }) {
  const { width, height, n, style, seed, steps, guidance, negative } = request;
  return [
    `${width} × ${height}`,
    n > 1 && `${n} pictures`,
    style !== 'interpolated' && `style ${style}`,
    `seed ${seed}`,
    steps !== null && `${steps} steps`,
    guidance !== 4 && `guidance ${guidance}`,
    negative !== '' && `without ${negative.length > 40 ? `${negative.slice(0, 40)}…` : negative}`,
    state === 'done' && startedAt !== null && finishedAt !== null && describeSpan(finishedAt - startedAt),
  ].filter(Boolean);
}
