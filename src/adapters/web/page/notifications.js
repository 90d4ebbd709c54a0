import { tell } from './announce.js';
import { byId } from './dom.js';
import { storage } from './storage.js';
import { t } from './texts.js';

const KEY = 'wuerst.notify';
const SAID = {
  done: (count) => t('Your picture is done | Your {count} pictures are done', { count }),
  failed: (count) => t('Your picture could not be made | Your {count} pictures could not be made', { count }),
};

/** Tells by the system that a picture is done, to who asked for that, while they look at something else. */
export class Notifications {
  #button = byId('notify');
  #openRoom;

  constructor(openRoom) {
    this.#openRoom = openRoom;
    // Browsers offer them only over HTTPS and on this machine.
    this.#button.hidden = !isOffered();
    this.#button.addEventListener('click', () => this.toggle());
    // Another tab may turn them on or off.
    addEventListener('storage', () => this.#show());
    this.#show();
  }

  get isOn() {
    return isOffered() && Notification.permission === 'granted' && storage.get(KEY) === 'on';
  }

  async toggle() {
    if (this.isOn) storage.remove(KEY);
    else if ((await Notification.requestPermission()) === 'granted') storage.set(KEY, 'on');
    else tell(t('Your browser does not allow this page to notify you. Its settings for this site can.'));
    this.#show();
  }

  /** @param job of this person, that has ended */
  tell(type, job) {
    if (!(type in SAID) || !this.isOn || document.visibilityState === 'visible') return;
    const [image] = job.reply.images;
    const icon = image && !image.spoiler ? { icon: `${image.url}?w=160` } : {};
    // Of several tabs that tell the same, one is shown.
    const notification = new Notification(SAID[type](job.reply.images.length || job.request.n), {
      body: job.request.prompt,
      tag: job.id,
      ...icon,
    });
    notification.addEventListener('click', () => {
      window.focus();
      this.#openRoom(job.room);
      notification.close();
    });
  }

  #show() {
    this.#button.setAttribute('aria-pressed', String(this.isOn));
  }
}

function isOffered() {
  return 'Notification' in window && window.isSecureContext;
}
