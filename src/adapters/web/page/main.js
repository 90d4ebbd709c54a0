import { newLinkNote } from './account.js';
import { announce, tell } from './announce.js';
import { api } from './api.js';
import { avatar } from './avatar.js';
import { Composer } from './composer.js';
import { Conversation } from './conversation.js';
import { byId } from './dom.js';
import { helpOpener } from './help.js';
import { lastState } from './last-state.js';
import { NARROW } from './narrow.js';
import { Notifications } from './notifications.js';
import { Palette } from './palette.js';
import { isRoomName, placeAddress, placeShown, placeTitle } from './place.js';
import { Requests } from './requests.js';
import { Rooms } from './rooms.js';
import { Scroller } from './scroller.js';
import { Session } from './session.js';
import { forgetShared, takeShared } from './shared-text.js';
import { sideDrawer } from './side-drawer.js';
import { Stream } from './stream.js';
import { t } from './texts.js';
import { toggleTheme } from './theme.js';
import { Views } from './views.js';

const CONNECTION = {
  connecting: t('Connecting…'),
  live: t('Live'),
  lost: t('Reconnecting…'),
  'signed-out': t('Signed out'),
};

const CHANGES_PICTURES = new Set(['image', 'done', 'changed', 'erased']);

const ADMINISTRATION = {
  kind: 'page',
  label: t('Administration'),
  detail: t('Rules, people, painters, models, presets, API keys, failures, disk'),
  run: () => openAddress(placeAddress('admin')),
};

const session = new Session();
const rooms = new Rooms();
const drawer = sideDrawer();
const notifications = new Notifications((room) => openRoom(room));
const conversations = new Map();
let isConnected = true;
const current = () => conversationIn(rooms.current);
const scroller = new Scroller(() => current().loadOlder());
const composer = new Composer({
  onSend: (text) => requests.send(current(), text),
  who: () => ({ room: rooms.current, user: session.user }),
  sentBefore: () => current().sentByMe,
  lastSeed: () => current().lastSeed,
});
const requests = new Requests({
  session,
  composer,
  onTurn: (conversation) => conversation === current() && scroller.toEnd(),
});
const openHelp = helpOpener({
  who: () => ({ room: rooms.current, user: session.user }),
  onPick(text) {
    openRoom(rooms.current);
    if (text.startsWith('/')) composer.offer(text);
    else composer.add(text);
  },
});
new Palette({
  who: () => ({ room: rooms.current, user: session.user }),
  own: () => [
    ...rooms.names.map((name) => ({ kind: 'room', label: `#${name}`, detail: '', run: () => openRoom(name) })),
    { kind: 'page', label: t('Help'), detail: t('Everything that can be typed, explained'), run: openHelp },
    {
      kind: 'page',
      label: t('Gallery'),
      detail: t('All pictures of this room'),
      run: () => openAddress(placeAddress('gallery', rooms.current)),
    },
    {
      kind: 'page',
      label: t('Your pictures'),
      detail: t('Everything that you asked for, in every room'),
      run: () => openAddress(placeAddress('gallery')),
    },
    {
      kind: 'page',
      label: t('Queue'),
      detail: t('What is being painted, what waits, and why there'),
      run: () => openAddress(placeAddress('queue', rooms.current)),
    },
    ...(session.isAdmin ? [ADMINISTRATION] : []),
    {
      kind: 'page',
      label: t('Notifications'),
      detail: t('Tell me when my pictures are done, on or off'),
      run: () => notifications.toggle(),
    },
    { kind: 'page', label: t('Dark or light'), detail: t('Switch between the themes'), run: switchTheme },
    { kind: 'page', label: t('Who you are'), detail: t('Your name, devices and links'), run: showMe },
  ],
  onPick: pick,
  onTyped: (text) => composer.offer(text),
});
const views = new Views({
  user: () => session.user,
  isAdmin: () => session.isAdmin,
  room: () => rooms.current,
  rooms: () => rooms.names,
  async act(room, action, text) {
    const outcome = await requests.act(conversationIn(room), action, text);
    // Its answer stands in the conversation.
    if (outcome !== 'accepted' || action.startsWith('save-preset:')) openRoom(room);
    else if (!action.startsWith('delete:')) tell(t('It is being painted in {room}.', { room }));
    return outcome === 'accepted';
  },
  onEdit(room, command) {
    openRoom(room);
    composer.show(room);
    composer.offer(command.replace(/^\/wuerst /, ''));
  },
  report: (room, error) => requests.report(conversationIn(room), error),
});
const stream = new Stream({
  onEvent: (event) => {
    conversationIn(event.job.room).take(event);
    if (event.seq !== null && event.job.user === session.user) notifications.tell(event.type, event.job);
    if (CHANGES_PICTURES.has(event.type)) views.stale(event.job.room);
    if (event.type === 'step') views.stepped(event.job);
  },
  onQueue: () => views.queueChanged(),
  // The history is read only now, so that nothing between it and the events is missed.
  onHello: (replays) => refresh(rooms.names.filter((name) => !replays || !conversationIn(name).isLoaded)),
  onState: (state) => {
    showConnection(state);
    if (state === 'live') session.isSignedIn();
    if (state === 'signed-out') session.signIn();
    if (state === 'lost') refresh(rooms.names.filter((name) => !conversationIn(name).isLoaded));
  },
  mayRest: () => ![...conversations.values()].some((conversation) => conversation.waitsForMine),
});

/** The conversation of a room, made at the first call. */
function conversationIn(room) {
  const known = conversations.get(room);
  if (known) return known;
  const conversation = new Conversation(room, {
    user: () => session.user,
    act: (...pressed) => requests.act(...pressed),
    onIdea: (text) => composer.offer(text),
    onChange: changed,
    keepPlace: (change) => scroller.keepPlace(change),
  });
  conversation.setConnected(isConnected);
  conversations.set(room, conversation);
  byId('conversations').append(conversation.element);
  return conversation;
}

function changed(conversation) {
  if (conversation.room === rooms.current) {
    if (document.visibilityState === 'visible') conversation.unread = 0;
    scroller.grew();
    if (conversation.isLoaded) lastState.saveSoon(session.user, conversation.room, () => conversation.jobs);
  }
  drawRooms();
}

function drawRooms() {
  rooms.draw((name) => ({ unread: conversationIn(name).unread, busy: conversationIn(name).isBusy }));
  const unread = [...conversations.values()].reduce((sum, { unread }) => sum + unread, 0);
  document.title = `${unread > 0 ? `(${unread}) ` : ''}${placeTitle(rooms.current)} · wuerst`;
}

async function refresh(names) {
  for (const name of names) {
    const conversation = conversationIn(name);
    await conversation.refresh().catch((error) => {
      if (error.status === 401) session.signIn();
      else if (error.status !== 0) requests.report(conversation, error);
    });
  }
}

function showConnection(state) {
  const shown = byId('connection');
  // A new attempt after a failed one has changed nothing yet.
  if (state === 'connecting' && shown.dataset.state === 'lost') return;
  if (shown.dataset.state === state) return;
  shown.dataset.state = state;
  shown.textContent = CONNECTION[state];
  byId('reconnect').hidden = state !== 'lost';
  if (state === 'live' || state === 'lost') isConnected = state === 'live';
  for (const conversation of conversations.values()) conversation.setConnected(isConnected);
}

/** The room or gallery in the page's address. */
async function showPlace() {
  showRoom();
  await views.show(rooms.current);
  drawRooms();
}

function showRoom() {
  const name = rooms.current;
  rooms.add(name);
  const shown = conversationIn(name);
  for (const conversation of conversations.values()) conversation.element.hidden = conversation !== shown;
  shown.unread = 0;
  composer.show(name);
  scroller.toEnd('instant');
  drawRooms();
  stream.listen([...rooms.names]);
}

function showUser() {
  byId('me-text').textContent = session.user;
  byId('admin-link').hidden = !session.isAdmin;
  byId('me').querySelector('.avatar').replaceWith(avatar(session.user));
}

/** The way back, for somebody who has none yet. */
async function offerLink() {
  current().addNote(await newLinkNote(session.user));
  scroller.toEnd();
}

/** Does what was chosen, or offers it to be completed. */
function pick({ kind, label, insert }) {
  if (kind === 'command' && insert === label) requests.send(current(), insert);
  else if (kind === 'key') composer.add(insert);
  else composer.offer(insert);
}

function submitRoom(event) {
  event.preventDefault();
  const input = byId('room-name');
  const name = input.value.trim().replace(/^#/, '').replace(/\s+/g, '-');
  input.setCustomValidity(isRoomName(name) ? '' : t('Use only letters from A to Z, digits, hyphens and underscores.'));
  if (!input.reportValidity()) return;
  input.value = '';
  openRoom(name);
}

function openRoom(name) {
  openAddress(`#${name}`);
}

function openAddress(address) {
  location.hash = address;
}

function switchTheme() {
  announce(toggleTheme() === 'dark' ? t('The dark theme is on.') : t('The light theme is on.'));
}

function showMe() {
  session.show().catch((error) => requests.report(current(), error));
}

/** Those in which this person was with another browser. */
async function addRooms() {
  const known = await api.rooms(session.user).catch(() => ({ rooms: [] }));
  rooms.merge(known.rooms);
  drawRooms();
  stream.listen([...rooms.names]);
}

/** A phone would open its keyboard. */
function focusOnLargeScreen() {
  if (NARROW.matches) return;
  if (placeShown().view === 'chat') composer.focus();
}

/** Pictures from another app of a phone. */
async function addShared() {
  forgetShared();
  const { addSharedPictures } = await import('./shared-pictures.js');
  await addSharedPictures(shared, sharedLeft).catch((error) => requests.report(current(), error));
}

function wire() {
  session.addEventListener('change', showUser);
  session.addEventListener('signed-in', () => {
    stream.retry();
    addRooms();
    views.show(rooms.current);
  });
  session.addEventListener('signed-out', () => stream.end());
  session.addEventListener('left', () => {
    views.forget();
    for (const conversation of conversations.values()) conversation.forget();
    lastState.forget();
  });
  session.addEventListener('replaced', () => composer.forgetDrafts(rooms.names));
  session.addEventListener('needs-link', offerLink);
  byId('me').addEventListener('click', showMe);
  byId('reconnect').addEventListener('click', () => stream.retry());
  byId('theme').addEventListener('click', switchTheme);
  byId('room-form').addEventListener('submit', submitRoom);
  byId('room-name').addEventListener('input', (event) => event.target.setCustomValidity(''));
  addEventListener('hashchange', () => {
    if (session.takesLink()) return;
    showPlace();
    drawer.close();
    focusOnLargeScreen();
  });
  document.addEventListener('visibilitychange', () => changed(current()));
  setInterval(() => current().tick(), 1000);
}

wire();
showUser();
// Before the session is known, so that what is typed meanwhile is kept.
composer.show(rooms.current);
const { text: sharedText, shared, left: sharedLeft } = takeShared();
composer.takeShared(sharedText);
conversationIn(rooms.current).showStored(lastState.load(session.user, rooms.current));
conversationIn(rooms.current).element.hidden = false;
await session.begin().catch((error) => requests.report(current(), error));
await showPlace();
addRooms();
if (shared !== null) await addShared();
focusOnLargeScreen();
