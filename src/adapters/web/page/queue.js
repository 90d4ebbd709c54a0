import { adminApi } from './admin-api.js';
import { announce } from './announce.js';
import { api, newKey } from './api.js';
import { askConfirmation } from './dialogs.js';
import { el, redraw } from './dom.js';
import { t, withElements } from './texts.js';
import { clockTime } from './time.js';

const TEXT = {
  name: t('Queue'),
  running: t('Being painted'),
  waiting: t('Waiting'),
  nothing: t('Nothing is waiting'),
  nothingMore: t('What you ask for now is painted at once.'),
  why: t(
    'People take turns: whoever has had the least of the machine’s time lately is next, however many requests others have.',
  ),
  filter: t('Show the requests of'),
  all: t('Everywhere'),
  elsewhere: t('Other places'),
  platforms: { discord: 'Discord', slack: 'Slack', terminal: t('the terminal') },
  hidden: t('A request in another room'),
  hiddenOn: (platform) => t('A request on {platform}', { platform }),
  withheld: t('A prompt that may not be shown here'),
  you: t('you'),
  asked: (time) => t('asked at {time}', { time }),
  pictures: (count) => t('{count} picture | {count} pictures', { count }),
  paintedBy: (names) => t('painted by {names}', { names: names.join(', ') }),
  next: t('next in turn'),
  ahead: ({ own, others }, isYours) => {
    if (own === 0) return t('after one of somebody else | after {count} of others', { count: others });
    if (others === 0) return isYours ? t('after {own} of your own', { own }) : t('after {own} of their own', { own });
    return isYours
      ? t('after {own} of your own and one of somebody else | after {own} of your own and {count} of others', {
          own,
          count: others,
        })
      : t('after {own} of their own and one of somebody else | after {own} of their own and {count} of others', {
          own,
          count: others,
        });
  },
  starts: t('Starts'),
  ends: t('Done'),
  unknown: t('not known yet'),
  soon: t('any moment now'),
  seconds: (from, to) => (from === to ? t('in about {to} s', { to }) : t('in {from} to {to} s', { from, to })),
  minutes: (from, to) => (from === to ? t('in about {to} min', { to }) : t('in {from} to {to} min', { from, to })),
  hours: (from, to) => (from === to ? t('in about {to} h', { to }) : t('in {from} to {to} h', { from, to })),
  more: (count) => t('{count} more waits behind these. | {count} more wait behind these.', { count }),
  cancel: t('Cancel'),
  cancelIt: t('Cancel the request'),
  cancelThis: (what) => t('Cancel: {what}', { what }),
  really: (who) => t('Cancel the request of {who}? They are told that a moderator did.', { who }),
  somebody: t('somebody on another platform'),
  cancelled: t('Cancelled.'),
  position: (number) => t('Position {number}', { number }),
  progress: t('Progress'),
  painters: t('Who paints:'),
  states: {
    busy: t('{name} paints'),
    ready: t('{name} is ready'),
    away: t('{name} is not ready'),
  },
  nobody: t('Nobody is ready to paint: requests wait until a painter is.'),
};

const REFRESH_MS = 10_000;
const ELSEWHERE = '/';

/** What is being painted and what waits, why there, and by whom. `host`: `user()`, `room()`. */
export class Queue {
  element = el('section', { class: 'queue', 'aria-label': TEXT.name });
  #host;
  #room = null;
  #shown = null;
  #filter = null;
  #isShown = false;
  #reading = null;
  #isStale = false;
  #timer = null;
  #filters = el('div', { class: 'queue-filters', role: 'group', 'aria-label': TEXT.filter });
  #painters = el('p', { class: 'queue-painters' });
  #problem = el('p', { class: 'problem', role: 'alert' });
  #running = listPart(TEXT.running);
  #waiting = listPart(TEXT.waiting);
  #rest = el('p', { class: 'queue-rest' });
  #empty = el('div', { class: 'queue-empty', hidden: true }, el('h2', {}, TEXT.nothing), el('p', {}, TEXT.nothingMore));

  constructor(host) {
    this.#host = host;
    this.element.append(
      el('p', { class: 'queue-why' }, TEXT.why),
      this.#painters,
      this.#problem,
      this.#filters,
      this.#empty,
      this.#running.element,
      this.#waiting.element,
      this.#rest,
    );
  }

  show(room) {
    this.#isShown = true;
    this.element.hidden = false;
    this.#room = room ?? this.#host.room();
    this.#read();
  }

  hide() {
    this.#isShown = false;
    this.element.hidden = true;
    clearTimeout(this.#timer);
  }

  /** Something in the queue is different. */
  changed() {
    if (this.#isShown && document.visibilityState === 'visible') this.#read();
  }

  /** A request goes on. */
  stepped(job) {
    const bar = this.#isShown && this.element.querySelector(`[data-entry="${job.id}"] .bar`);
    if (bar) drawBar(bar, job.reply.progress?.fraction ?? 0);
  }

  /** One answer at a time: what changes meanwhile is read after it. */
  async #read() {
    if (this.#reading) {
      this.#isStale = true;
      return;
    }
    clearTimeout(this.#timer);
    const room = this.#room;
    this.#reading = api.queue(room, this.#host.user());
    try {
      const found = await this.#reading;
      if (room === this.#room) {
        this.#shown = found;
        this.#problem.textContent = '';
        this.#draw();
      }
    } catch (error) {
      this.#say(error);
    }
    this.#reading = null;
    if (!this.#isShown) return;
    // Expected times move although nothing happens.
    if (this.#isStale || room !== this.#room) {
      this.#isStale = false;
      this.#read();
    } else this.#timer = setTimeout(() => this.changed(), REFRESH_MS);
  }

  #draw() {
    const { running, waiting, count, painters, now } = this.#shown;
    const all = [...running, ...waiting];
    const rooms = countBy(all, ({ room }) => room ?? ELSEWHERE);
    if (this.#filter !== null && !rooms.has(this.#filter)) this.#filter = null;
    this.#drawFilters(rooms, all.length);
    const isWanted = ({ room }) => this.#filter === null || (room ?? ELSEWHERE) === this.#filter;
    this.#running.draw(running.filter(isWanted), (entry) => this.#row(entry, now));
    this.#waiting.draw(waiting.filter(isWanted), (entry) => this.#row(entry, now));
    this.#empty.hidden = all.length > 0;
    const rest = count - waiting.length;
    this.#rest.hidden = rest <= 0 || this.#filter !== null;
    this.#rest.textContent = TEXT.more(rest);
    redraw(this.#painters, painters, () => [paintersLine(painters)]);
  }

  #drawFilters(rooms, total) {
    this.#filters.hidden = rooms.size < 2;
    const chips = [[null, TEXT.all, total], ...[...rooms].map(([room, n]) => [room, nameOf(room), n])];
    redraw(this.#filters, [chips, this.#filter], () =>
      chips.map(([room, label, n]) =>
        el(
          'button',
          {
            ...{ type: 'button', class: 'button', 'data-action': `room:${room}` },
            'aria-pressed': String(room === this.#filter),
            onclick: () => {
              this.#filter = room;
              this.#draw();
            },
          },
          el('bdi', {}, label),
          el('span', { class: 'queue-count' }, String(n)),
        ),
      ),
    );
  }

  #row(entry, now) {
    const { id, position, fraction, mayCancel } = entry;
    const title = titleOf(entry);
    const bar = el('div', {
      ...{
        class: 'bar',
        role: 'progressbar',
        'aria-label': TEXT.progress,
        'aria-valuemin': '0',
        'aria-valuemax': '100',
      },
    });
    bar.append(el('div', { class: 'bar-fill' }));
    if (position === null) drawBar(bar, fraction);
    return el(
      'li',
      { class: 'queue-row', 'data-entry': id, 'data-own': entry.own },
      position === null
        ? el('span', { class: 'queue-place', 'aria-hidden': 'true' }, '▸')
        : el(
            'span',
            { class: 'queue-place' },
            el('span', { class: 'visually-hidden' }, TEXT.position('')),
            `${position}`,
          ),
      el(
        'div',
        { class: 'queue-what' },
        el('p', { class: 'queue-title', dir: 'auto', 'data-dim': entry.prompt === null }, title),
        el('p', { class: 'queue-detail' }, ...detailsOf(entry)),
        position === null && bar,
      ),
      el(
        'p',
        { class: 'queue-when' },
        el('span', { class: 'queue-label' }, position === null ? TEXT.ends : TEXT.starts),
        ' ',
        timeUntil(position === null ? entry.end : entry.start, now),
      ),
      mayCancel &&
        el(
          'button',
          {
            ...{ type: 'button', class: 'button', 'data-action': `cancel:${id}`, 'aria-label': TEXT.cancelThis(title) },
            onclick: () => this.#cancel(entry),
          },
          TEXT.cancel,
        ),
    );
  }

  async #cancel(entry) {
    const who = entry.user ?? TEXT.somebody;
    if (!entry.own && !(await askConfirmation(TEXT.really(who), TEXT.cancelIt, true))) return;
    try {
      const user = this.#host.user();
      if (entry.room === null) await adminApi.remove(`queue/${entry.id}`, { user });
      else await api.act(entry.room, `cancel:${entry.id}`, user, undefined, newKey());
      announce(TEXT.cancelled);
      this.#read();
    } catch (error) {
      this.#say(error);
    }
  }

  #say({ message, hint }) {
    this.#problem.textContent = [message, hint].filter(Boolean).join(' ');
  }
}

function listPart(title) {
  const list = el('ol', { class: 'queue-list' });
  const element = el('section', { 'aria-label': title, hidden: true }, el('h2', { class: 'side-title' }, title), list);
  return {
    element,
    draw(entries, row) {
      element.hidden = entries.length === 0;
      redraw(list, entries, () => entries.map(row));
    },
  };
}

function countBy(entries, keyOf) {
  const counts = new Map();
  for (const entry of entries) counts.set(keyOf(entry), (counts.get(keyOf(entry)) ?? 0) + 1);
  return counts;
}

function nameOf(room) {
  return room === ELSEWHERE ? TEXT.elsewhere : `#${room}`;
}

function titleOf({ prompt, room, surface }) {
  if (prompt !== null) return prompt;
  if (room !== null) return TEXT.withheld;
  return surface === 'web' ? TEXT.hidden : TEXT.hiddenOn(TEXT.platforms[surface] ?? surface);
}

function detailsOf({ user, own, room, askedAt, pictures, position, ahead, lack, painters }) {
  const why =
    position === null
      ? painters.length > 0 && TEXT.paintedBy(painters)
      : (lack ?? (ahead.own + ahead.others === 0 ? TEXT.next : TEXT.ahead(ahead, own)));
  const parts = [
    user !== null && el('bdi', {}, own ? TEXT.you : user),
    room !== null && `#${room}`,
    TEXT.asked(clockTime(askedAt)),
    pictures > 1 && TEXT.pictures(pictures),
    why,
  ];
  return parts.filter(Boolean).map((part) => el('span', {}, part));
}

function drawBar(bar, fraction) {
  bar.style.setProperty('--done', String(fraction));
  bar.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
}

function timeUntil(eta, now) {
  if (!eta) return TEXT.unknown;
  const [from, to] = [Math.max(0, eta.from - now), Math.max(0, eta.to - now)].map((ms) => ms / 1000);
  if (to < 2) return TEXT.soon;
  const [unit, say] = to < 90 ? [1, TEXT.seconds] : to < 5400 ? [60, TEXT.minutes] : [3600, TEXT.hours];
  const [least, most] = [Math.round(from / unit), Math.ceil(to / unit)];
  return say(least, most);
}

function paintersLine(painters) {
  if (!painters.some(({ ready }) => ready)) return el('span', { class: 'problem' }, TEXT.nobody);
  const said = painters.map(({ name, ready, busy }) => {
    const state = ready ? (busy ? 'busy' : 'ready') : 'away';
    return el(
      'span',
      { class: 'queue-painter', 'data-state': state },
      withElements(TEXT.states[state], { name: el('bdi', {}, name) }),
    );
  });
  return el('span', {}, el('span', { class: 'queue-label' }, TEXT.painters), said);
}
