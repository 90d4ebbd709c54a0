import { showAccount } from './account.js';
import { api } from './api.js';
import { askConfirmation, askName, askToken } from './dialogs.js';
import { takeSecret } from './links.js';
import { storage } from './storage.js';
import { t } from './texts.js';

const NAME_KEY = 'wuerst.name';
const GUEST = /^guest(?:-[a-z0-9]{4})?$/;

/** The user of the page: a name chosen freely, or the name that the sign-in proves where there is a token. */
export class Session extends EventTarget {
  user = storage.get(NAME_KEY) ?? '';
  /** May look after the bot, as far as is known. */
  isAdmin = false;
  #open = true;
  /** Of the form that asks who somebody is, while it is shown. */
  #signingIn = null;

  constructor() {
    super();
    // No two browsers share a guest.
    if (this.user === '' || this.user === 'guest') this.#set(newGuest());
    addEventListener('storage', ({ key, newValue }) => key === NAME_KEY && this.#changedElsewhere(newValue));
  }

  /** Uses the link that the page was opened with, if any, and asks who somebody is if the server wants to know. */
  async begin() {
    const secret = takeSecret();
    try {
      const { user, open, admin } = await api.session();
      this.#open = open;
      this.#set(user ?? this.user, admin);
      if (secret !== null && !open) await this.#change(secret);
    } catch (error) {
      if (error.status !== 401) throw error;
      await this.signIn(secret);
    }
  }

  /** Asks who somebody is until it is proved. @param secret of a link, which is tried first */
  async signIn(secret = null) {
    if (this.#signingIn) return;
    this.#open = false;
    this.isAdmin = false;
    this.#signingIn = new AbortController();
    const { signal } = this.#signingIn;
    this.dispatchEvent(new Event('signed-out'));
    this.dispatchEvent(new Event('left'));
    // A link may have been opened in another tab or app.
    const look = () =>
      api
        .session()
        .then(() => this.isSignedIn())
        .catch(() => {});
    document.addEventListener('visibilitychange', look, { signal });
    const name = GUEST.test(this.user) ? '' : this.user;
    const entered = secret === null ? null : await enter(secret, signal);
    const signedIn = entered ?? (await askToken(name, signal, api.signIn)) ?? (await api.session());
    this.isSignedIn();
    this.#signingIn = null;
    await this.#signedIn(signedIn);
  }

  /** Stops asking: somebody signed in, in another tab of this browser. */
  isSignedIn() {
    this.#signingIn?.abort();
  }

  /** The page's address was changed to a link. Returns whether it was one. */
  takesLink() {
    const secret = takeSecret();
    if (secret !== null && !this.#open) this.#change(secret);
    return secret !== null;
  }

  /** All tabs of a browser are one person. */
  #changedElsewhere(name) {
    if (name === null || name === this.user || this.#signingIn) return;
    if (this.#open) this.#set(name);
    else this.reload().catch(() => {});
  }

  /** Another tab has signed in as somebody else. */
  async reload() {
    const { user, admin } = await api.session();
    if (user !== null) this.#become(user, admin);
  }

  /** Who am I: another name, or the devices and links of the one that is proved. */
  async show() {
    if (this.#open) {
      const name = await askName(GUEST.test(this.user) ? '' : this.user);
      if (name) this.#set(name);
      return;
    }
    if ((await showAccount()) === 'sign-out') {
      await api.signOut();
      await this.signIn();
    }
  }

  /** Somebody is signed in, and a link may sign in somebody else: not without their knowing. */
  async #change(secret) {
    if (this.#signingIn) {
      if ((await enter(secret)) !== null) this.isSignedIn();
      return;
    }
    const question = t('Use this link? You are signed in as {user}, and will be whoever the link is for.', {
      user: this.user,
    });
    if (!(await askConfirmation(question, t('Use the link'), false))) return;
    const entered = await enter(secret);
    if (entered !== null) await this.#signedIn(entered);
  }

  async #signedIn({ user, admin }) {
    this.#become(user, admin);
    const { keys } = await api.account();
    if (!keys.some(({ kind }) => kind === 'token')) this.dispatchEvent(new Event('needs-link'));
  }

  #become(user, admin) {
    if (user !== this.user) this.dispatchEvent(new Event('left'));
    // What a guest has begun is theirs once they have a name.
    if (user !== this.user && !GUEST.test(this.user)) this.dispatchEvent(new Event('replaced'));
    this.#set(user, admin);
    this.dispatchEvent(new Event('signed-in'));
  }

  #set(user, isAdmin = this.isAdmin) {
    this.user = user;
    this.isAdmin = isAdmin;
    storage.set(NAME_KEY, user);
    this.dispatchEvent(new Event('change'));
  }
}

/** Signs in with the secret of a link, after asking for a name where it is for anybody. `null` if it does not work. */
async function enter(secret, signal) {
  try {
    return await api.signIn(secret);
  } catch (error) {
    if (error.code === 'name_missing') return askName('', { signal, save: (name) => api.signIn(secret, name) });
    await askConfirmation([error.message, error.hint].filter(Boolean).join(' '), t('OK'), false);
    return null;
  }
}

function newGuest() {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789';
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return `guest-${[...bytes].map((byte) => letters[byte % letters.length]).join('')}`;
}
