/** What the browser would not keep, because it is told to keep nothing or has no room: kept until the page is closed. */
const unkept = new Map();

/** The browser's storage for this page. */
export const storage = {
  /** `null` where nothing is stored. */
  get(key) {
    if (unkept.has(key)) return unkept.get(key);
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },

  set(key, value) {
    try {
      localStorage.setItem(key, value);
      unkept.delete(key);
    } catch {
      unkept.set(key, value);
    }
  },

  remove(key) {
    unkept.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // It keeps nothing, so there is nothing to remove.
    }
  },
};
