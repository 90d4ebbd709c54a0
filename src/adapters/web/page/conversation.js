import { announce } from './announce.js';
import { api } from './api.js';
import { el } from './dom.js';
import { JobTurn, NoteTurn } from './turn.js';
import { welcome } from './welcome.js';

const ENDED = ['done', 'failed', 'cancelled'];

/** One room: its turns in order, the history behind them, and what is under way. */
export class Conversation {
  element = el('section', { class: 'conversation' });
  unread = 0;
  isLoaded = false;
  #turns = [];
  #jobs = new Map();
  #list = el('ol', { class: 'turns' });
  #older = el('p', { class: 'older', hidden: true });
  #empty;
  #loading = null;
  #more = true;

  /** `host`: `user()`, `act(room, action, text)`, `onIdea(text)`, `onChange()`, `keepPlace(change)`. */
  constructor(room, host) {
    this.room = room;
    this.host = host;
    this.#empty = welcome(host.onIdea);
    this.#empty.hidden = true;
    this.element.setAttribute('aria-label', `Conversation in ${room}`);
    this.element.append(this.#older, this.#empty, this.#list);
  }

  get isBusy() {
    return this.#turns.some((turn) => turn.isOpen);
  }

  get waitsForMine() {
    return this.#turns.some((turn) => turn.isOpen && turn.job.user === this.host.user());
  }

  /** The newest part of the history again: at the start, and whenever events may have been missed. */
  async refresh() {
    const { jobs, more } = await api.jobs(this.room);
    if (!this.isLoaded) this.#more = more;
    this.isLoaded = true;
    // Oldest first, so that each new one goes to the end.
    for (const job of jobs.reverse()) this.#put(job, false);
    this.#changed();
  }

  /** Another page of the past, if there is one. */
  loadOlder() {
    if (!this.isLoaded || !this.#more || this.#loading) return;
    const oldest = this.#turns.find((turn) => turn.job)?.job;
    if (!oldest) return;
    this.#older.hidden = false;
    this.#older.textContent = 'Loading earlier pictures…';
    this.#loading = api
      .jobs(this.room, oldest.id)
      .then(({ jobs, more }) => {
        this.#more = more;
        this.host.keepPlace(() => {
          for (const job of jobs) this.#put(job, false);
          this.#older.hidden = more;
          this.#older.textContent = more ? '' : 'This is where it began.';
        });
      })
      .catch((error) => {
        this.#older.textContent = error.message;
      })
      .finally(() => {
        this.#loading = null;
      });
  }

  take({ type, job, seq }) {
    const before = this.#jobs.get(job.id)?.job;
    this.#put(job, before === undefined);
    if (seq !== null && before?.state !== job.state) this.#announce(type, job);
    this.#changed();
  }

  /** What the server answered to a command or a button. */
  takeAnswer({ job, reply }, asked) {
    if (job) {
      const isNew = !this.#jobs.has(job.id);
      this.#put(job, isNew);
      this.#changed();
      return isNew;
    }
    this.addNote(reply, asked);
    return true;
  }

  addNote(reply, asked) {
    const at = Math.max(Date.now(), this.#turns.at(-1)?.at ?? 0);
    const turn = new NoteTurn({
      user: this.host.user(),
      asked,
      reply,
      at,
      act: (action, text) => this.host.act(this, action, text),
      onDismiss: () => {
        this.#turns = this.#turns.filter((other) => other !== turn);
        turn.element.remove();
        this.#changed();
      },
    });
    this.#insert(turn, true);
    announce([reply.title, ...reply.lines].join(' '));
    this.#changed();
  }

  tick() {
    for (const turn of this.#turns) turn.tick();
  }

  #put(job, isNew) {
    const turn = this.#jobs.get(job.id);
    if (!turn) {
      const added = new JobTurn(job, (action, text) => this.host.act(this, action, text));
      this.#jobs.set(job.id, added);
      this.#insert(added, isNew);
      return;
    }
    // A replay may bring states that the history has overtaken.
    if (ENDED.includes(turn.job.state) && !ENDED.includes(job.state)) return;
    turn.update(job);
  }

  #insert(turn, isNew) {
    if (isNew) turn.element.dataset.new = '';
    let place = this.#turns.length;
    while (place > 0 && this.#turns[place - 1].at > turn.at) place -= 1;
    this.#list.insertBefore(turn.element, this.#turns[place]?.element ?? null);
    this.#turns.splice(place, 0, turn);
  }

  #announce(type, job) {
    const what = job.request.prompt.slice(0, 80);
    const mine = job.user === this.host.user();
    if (type === 'done') this.unread += 1;
    if (!mine) return;
    if (type === 'queued')
      announce(job.position === null ? `Queued: ${what}` : `Queued at position ${job.position}: ${what}`);
    if (type === 'started') announce(`Started: ${what}`);
    if (type === 'done') announce(`Finished: ${what}`);
    if (type === 'failed') announce(`Failed: ${what}. ${job.error?.message ?? ''}`);
    if (type === 'cancelled') announce(`Cancelled: ${what}`);
  }

  #changed() {
    this.#empty.hidden = !this.isLoaded || this.#turns.length > 0;
    this.#list.hidden = this.#turns.length === 0;
    this.host.onChange(this);
  }
}
