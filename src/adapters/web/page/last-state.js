import { storage } from './storage.js';

const KEY = 'wuerst.last';
const KEPT = 10;
const AFTER_MS = 600;

/** The newest requests of the room that was looked at last, shown at once after a reload, until the server has answered. */
export const lastState = {
  timer: null,

  /** `jobs()`, the newest last, is asked for after a pause. */
  saveSoon(user, room, jobs) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      storage.set(KEY, JSON.stringify({ user, room, jobs: jobs().slice(-KEPT).map(withoutPreview) }));
    }, AFTER_MS);
  },

  /** Nothing for another person or room. */
  load(user, room) {
    try {
      const last = JSON.parse(storage.get(KEY) ?? 'null');
      return last?.user === user && last.room === room && Array.isArray(last.jobs) ? last.jobs : [];
    } catch {
      return [];
    }
  },

  /** Somebody is not signed in any more. */
  forget() {
    clearTimeout(this.timer);
    storage.remove(KEY);
  },
};

function withoutPreview(job) {
  return { ...job, reply: { ...job.reply, preview: null } };
}
