import { announce } from './announce.js';
import { api } from './api.js';
import { el } from './dom.js';
import { isOpen } from './job-card.js';
import { loadModel, model } from './model.js';
import { t } from './texts.js';
import { JobTurn, NoteTurn } from './turn.js';
import { WELCOME, welcome } from './welcome.js';

const NEWS = {
  queued: ({ prompt }) => t('Queued: {prompt}', { prompt }),
  placed: (told) => t('Queued at position {position}: {prompt}', told),
  lacking: ({ lack }) => lack,
  started: ({ prompt }) => t('Started: {prompt}', { prompt }),
  done: ({ prompt }) => t('Finished: {prompt}', { prompt }),
  failed: (told) => t('Failed: {prompt}. {reason}', told),
  cancelled: ({ prompt }) => t('Cancelled: {prompt}', { prompt }),
};

/** One room: its turns in order, older ones on demand, and what is under way. */
export class Conversation {
  element;
  unread = 0;
  isLoaded = false;
  #turns = [];
  #jobs = new Map();
  #list = el('ol', { class: 'turns' });
  #older = el('p', { class: 'older', hidden: true });
  #empty = el('section', { class: 'welcome', 'aria-label': WELCOME, hidden: true });
  #isLoadingOlder = false;
  #more = true;
  #isConnected = true;
  /** Ids of what was shown before the server had answered. */
  #stored = [];

  /** `host`: `user()`, `act(conversation, action, text, turn)`, `onIdea(text)`, `onChange(conversation)`, `keepPlace(change)`. */
  constructor(room, host) {
    this.room = room;
    this.host = host;
    const properties = { class: 'conversation', 'aria-label': t('Conversation in {room}', { room }), hidden: true };
    this.element = el('section', properties, this.#older, this.#list, this.#empty);
  }

  get isBusy() {
    return this.#turns.some((turn) => turn.isOpen);
  }

  get waitsForMine() {
    return this.#turns.some((turn) => turn.isOpen && turn.job.user === this.host.user());
  }

  /** What this user asked for here, the newest last, each text once. */
  get sentByMe() {
    const mine = this.#turns.filter(({ job }) => !job || (job.user === this.host.user() && job.derivation === null));
    const texts = mine.map((turn) => turn.asked ?? turn.job?.request.prompt).filter(Boolean);
    return texts.filter((text, k) => texts.lastIndexOf(text) === k);
  }

  /** Of this user's newest request here. */
  get lastSeed() {
    return this.#turns.findLast(({ job }) => job?.user === this.host.user())?.job.request.seed ?? null;
  }

  /** Reads the newest jobs again: at the start, and whenever events may have been missed. */
  async refresh() {
    const [{ jobs, more }] = await Promise.all([api.jobs(this.room), loadModel()]);
    if (!this.isLoaded) this.#more = more;
    if (!this.isLoaded) this.#empty.replaceChildren(...welcome(model.ideas, this.host.onIdea));
    const early = this.isLoaded ? [] : this.#turns.filter(({ job }) => !job);
    this.isLoaded = true;
    this.#dropStored(jobs);
    // Oldest first, so that each new one goes to the end.
    for (const job of jobs.reverse()) this.#put(job, false);
    for (const note of early) this.#toEnd(note);
    this.#changed();
  }

  /** Shows what was here before a reload, until the server has answered. */
  showStored(jobs) {
    if (this.isLoaded) return;
    for (const job of jobs) this.#put(job, false);
    this.#stored = jobs.map(({ id }) => id);
    this.#changed();
  }

  /** Takes away what the server does not know any more. @param jobs that it knows */
  #dropStored(jobs) {
    const known = new Set(jobs.map(({ id }) => id));
    for (const id of this.#stored) if (!known.has(id)) this.#remove(id);
    this.#stored = [];
  }

  /** Of whoever is not signed in nothing stays in sight, nor for whoever signs in next. */
  forget() {
    for (const { element } of this.#turns) element.remove();
    this.#turns = [];
    this.#jobs.clear();
    this.#stored = [];
    this.unread = 0;
    this.isLoaded = false;
    this.#older.hidden = true;
    this.#changed();
  }

  get jobs() {
    return this.#turns.flatMap(({ job }) => job ?? []);
  }

  /** Adds another page of older jobs, if there is one. */
  async loadOlder() {
    const oldest = this.#turns.find((turn) => turn.job)?.job;
    if (!oldest || !this.isLoaded || !this.#more || this.#isLoadingOlder) return;
    this.#isLoadingOlder = true;
    this.#older.hidden = false;
    this.#older.textContent = t('Loading earlier pictures…');
    try {
      const { jobs, more } = await api.jobs(this.room, oldest.id);
      this.#more = more;
      this.host.keepPlace(() => {
        for (const job of jobs) this.#put(job, false);
        this.#older.hidden = more;
        this.#older.textContent = more ? '' : t('This is the beginning of the conversation.');
      });
    } catch (error) {
      this.#older.textContent = error.message;
    } finally {
      this.#isLoadingOlder = false;
    }
  }

  /** Takes an event of this room's stream. */
  take({ type, job, seq }) {
    if (type === 'erased') return this.#remove(job.id);
    const before = this.#jobs.get(job.id)?.job;
    this.#put(job, before === undefined);
    if (seq !== null && before?.state !== job.state) this.#announce(type, job);
    this.#changed();
  }

  /** Takes the server's answer to a command, or to a button of `turn`. Returns whether it added a turn. */
  takeAnswer({ job, reply }, { asked, turn } = {}) {
    if (job) {
      const isNew = !this.#jobs.has(job.id);
      this.#put(job, isNew);
      if (asked !== undefined) this.#jobs.get(job.id).asked = asked;
      this.#changed();
      return isNew;
    }
    this.addNote(reply, { asked, turn });
    return turn === undefined;
  }

  /**
   * Shows a reply: under the turn whose button it answers, else at the end. `act(action, text)` takes its buttons. Returns what
   * removes it.
   */
  addNote(
    reply,
    {
      asked,
      turn: above,
      remark = t('only you can see this'),
      act = (action, text) => this.host.act(this, action, text, above),
    } = {},
  ) {
    announce([reply.title, ...reply.lines].join(' '));
    if (above) return above.showAside(reply, act);
    const remove = () => {
      this.#turns = this.#turns.filter((other) => other !== turn);
      turn.element.remove();
      this.#changed();
    };
    const turn = new NoteTurn({
      user: this.host.user(),
      asked,
      reply,
      remark,
      // Not this machine's time, which may differ from the server's: it goes to the end, and what comes later after it.
      at: this.#turns.at(-1)?.at ?? 0,
      act,
      onDismiss: remove,
    });
    this.#insert(turn, true);
    this.#changed();
    return { remove };
  }

  setConnected(isConnected) {
    this.#isConnected = isConnected;
    for (const turn of this.#turns) turn.setConnected(isConnected);
  }

  tick() {
    for (const turn of this.#turns) turn.tick();
  }

  #put(job, isNew) {
    const turn = this.#jobs.get(job.id);
    if (!turn) {
      const added = new JobTurn(job, (action, text) => this.host.act(this, action, text, added));
      added.setConnected(this.#isConnected);
      this.#jobs.set(job.id, added);
      this.#insert(added, isNew);
    } else if (turn.isOpen || !isOpen(job)) {
      // Otherwise a replay brings a state that is older than the one shown.
      turn.update(job);
    }
  }

  #remove(id) {
    const turn = this.#jobs.get(id);
    if (!turn) return;
    this.#jobs.delete(id);
    this.#turns = this.#turns.filter((other) => other !== turn);
    turn.element.remove();
    this.#changed();
  }

  /** A note that was there before the jobs that came before it. */
  #toEnd(note) {
    this.#turns = this.#turns.filter((turn) => turn !== note);
    note.at = this.#turns.at(-1)?.at ?? 0;
    this.#insert(note, false);
  }

  #insert(turn, isNew) {
    if (isNew) turn.element.dataset.new = '';
    const place = this.#turns.findLastIndex((other) => other.at <= turn.at) + 1;
    this.#list.insertBefore(turn.element, this.#turns[place]?.element ?? null);
    this.#turns.splice(place, 0, turn);
  }

  #announce(type, job) {
    // Before it is loaded, what another tab missed may be replayed here too.
    if (!this.isLoaded) return;
    if (type === 'done') this.unread += 1;
    if (!(type in NEWS) || job.user !== this.host.user()) return;
    const waits = job.lack === null ? job.position !== null && 'placed' : 'lacking';
    const news = (type === 'queued' && waits) || type;
    const prompt = job.request.prompt.slice(0, 80);
    announce(NEWS[news]({ prompt, position: job.position, lack: job.lack, reason: job.error?.message ?? '' }));
  }

  #changed() {
    // What nobody asked for, such as the personal link of somebody who is new, takes no ideas away.
    this.#empty.hidden = !this.isLoaded || this.#turns.some((turn) => turn.job || turn.isAnswer);
    this.#list.hidden = this.#turns.length === 0;
    this.host.onChange(this);
  }
}
