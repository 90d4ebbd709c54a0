const ROOM_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * What the page's address shows: `#kitchen` a room, `#kitchen/gallery` its pictures, `#/gallery` one's own. `room` is `null`
 * where the address names none.
 */
export function placeShown() {
  const [room = '', view = ''] = location.hash.slice(1).split('/');
  return { room: isRoomName(room) ? room : null, view: view === 'gallery' ? 'gallery' : 'chat' };
}

export function isRoomName(name) {
  return ROOM_NAME.test(name);
}

/** @param room without one, one's own pictures */
export function galleryAddress(room = '') {
  return `#${room}/gallery`;
}

/** What the window is called. */
export function placeTitle(currentRoom) {
  const { room, view } = placeShown();
  if (view === 'chat') return `#${currentRoom}`;
  return room === null ? 'Your pictures' : `Gallery of #${room}`;
}
