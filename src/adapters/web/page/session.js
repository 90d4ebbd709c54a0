import { api } from './api.js';
import { askName, askToken } from './dialogs.js';

const NAME_KEY = 'wuerst.name';

/** The user of the page: a name chosen freely, or the name of the sign-in where there is a token. */
export class Session extends EventTarget {
  user = localStorage.getItem(NAME_KEY) ?? 'guest';
  #open = true;

  /** Asks for the token if the server wants one. */
  async begin() {
    try {
      const { user, open } = await api.session();
      this.#open = open;
      if (user !== null) this.#set(user);
    } catch (error) {
      if (error.status !== 401) throw error;
      await this.signIn();
    }
  }

  async signIn() {
    this.#open = false;
    const name = this.user === 'guest' ? '' : this.user;
    const { user } = await askToken(name, (token, wanted) => api.signIn(token, wanted));
    this.#set(user);
  }

  async rename() {
    if (!this.#open) {
      // The name is part of the sign-in, so another name needs another sign-in.
      await api.signOut();
      return this.signIn();
    }
    const name = await askName(this.user === 'guest' ? '' : this.user);
    if (name) this.#set(name);
  }

  #set(user) {
    this.user = user;
    localStorage.setItem(NAME_KEY, user);
    this.dispatchEvent(new Event('change'));
  }
}
