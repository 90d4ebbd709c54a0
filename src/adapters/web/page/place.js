import { t } from './texts.js';

const ROOM_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const VIEWS = ['gallery', 'queue', 'admin'];
const TEXT = {
  own: t('Your pictures'),
  admin: t('Administration'),
  gallery: (room) => t('Gallery of {room}', { room: `#${room}` }),
  queue: (room) => t('Queue, from {room}', { room: `#${room}` }),
};

/**
 * What the page's address shows: `#kitchen` a room, `#kitchen/gallery` its pictures, `#kitchen/queue` what waits there,
 * `#/gallery` one's own pictures, `#/admin/rules` a part of the administration. `room` is `null` where the address names none.
 */
export function placeShown() {
  const [room = '', view = '', section = ''] = location.hash.slice(1).split('/');
  return { room: isRoomName(room) ? room : null, view: VIEWS.includes(view) ? view : 'chat', section };
}

export function isRoomName(name) {
  return ROOM_NAME.test(name);
}

/** @param room without one, one's own pictures, or what belongs to no room */
export function placeAddress(view, room = '') {
  return view === 'chat' ? `#${room}` : `#${room}/${view}`;
}

/** What the window is called. */
export function placeTitle(currentRoom) {
  const { room, view } = placeShown();
  if (view === 'chat') return `#${currentRoom}`;
  if (view === 'admin') return TEXT.admin;
  if (view === 'queue') return TEXT.queue(currentRoom);
  return room === null ? TEXT.own : TEXT.gallery(room);
}
