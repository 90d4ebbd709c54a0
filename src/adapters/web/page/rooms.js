import { byId, el, redraw } from './dom.js';
import { isRoomName, placeShown } from './place.js';
import { storage } from './storage.js';
import { t } from './texts.js';

const ROOMS_KEY = 'wuerst.rooms';
const MAX_ROOMS = 12;

/** The list of rooms at the side. The page shows the one in its address; where that names none, the one before. */
export class Rooms {
  names = readNames();
  #last = this.names[0] ?? 'lobby';

  constructor() {
    this.add(this.current);
  }

  get current() {
    this.#last = placeShown().room ?? this.#last;
    return this.#last;
  }

  add(name) {
    if (!this.names.includes(name)) this.names = [...this.names, name].slice(-MAX_ROOMS);
    storage.set(ROOMS_KEY, JSON.stringify(this.names));
  }

  /** Takes in the rooms that the server knows of this person: those that they were in last, as far as there is room for them. */
  merge(names) {
    for (const name of names) if (isRoomName(name) && this.names.length < MAX_ROOMS) this.add(name);
  }

  /** `stateOf(name)` → `{ unread, busy }`. */
  draw(stateOf) {
    const current = this.current;
    const { view } = placeShown();
    const rows = this.names.map((name) => ({
      name,
      isCurrent: name === current && view !== 'admin',
      ...stateOf(name),
    }));
    redraw(byId('rooms'), rows, () => rows.map(roomRow));
  }
}

function roomRow({ name, isCurrent, unread, busy }) {
  const link = el(
    'a',
    { class: 'room-link', href: `#${name}`, 'aria-current': isCurrent ? 'page' : null, 'data-action': name },
    el('span', { class: 'hash', 'aria-hidden': 'true' }, '#'),
    el('span', { class: 'name one-line' }, name),
    busy && el('span', { class: 'working', role: 'img', 'aria-label': t('working') }),
    unread > 0 &&
      !isCurrent &&
      el('span', { class: 'badge', 'aria-label': t('{count} new', { count: unread }) }, String(unread)),
  );
  return el('li', {}, link);
}

function readNames() {
  try {
    const names = JSON.parse(storage.get(ROOMS_KEY) ?? '');
    const known = Array.isArray(names) ? names.filter((name) => typeof name === 'string' && isRoomName(name)) : [];
    if (known.length > 0) return known;
  } catch {
    // Nothing is stored yet, or it is not JSON: start with the usual rooms.
  }
  return ['lobby', 'studio'];
}
