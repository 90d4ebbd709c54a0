import { api } from './api.js';
import { askName, askToken } from './dialogs.js';
import { storage } from './storage.js';

const NAME_KEY = 'wuerst.name';

/** The user of the page: a name chosen freely, or the name of the sign-in where there is a token. */
export class Session extends EventTarget {
  user = storage.get(NAME_KEY) ?? 'guest';
  #open = true;
  /** Of the form that asks for the token, while it is shown. */
  #signingIn = null;

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

  /** Asks for the token until it is right. */
  async signIn() {
    if (this.#signingIn) return;
    this.#open = false;
    this.#signingIn = new AbortController();
    const name = this.user === 'guest' ? '' : this.user;
    const signIn = (token, wanted) => api.signIn(token, wanted);
    const { user } = (await askToken(name, signIn, this.#signingIn.signal)) ?? (await api.session());
    this.#signingIn = null;
    this.#set(user);
    this.dispatchEvent(new Event('signed-in'));
  }

  /** Stops asking: somebody signed in, in another tab of this browser. */
  isSignedIn() {
    this.#signingIn?.abort();
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
    storage.set(NAME_KEY, user);
    this.dispatchEvent(new Event('change'));
  }
}
