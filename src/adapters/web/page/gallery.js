import { announce, tell } from './announce.js';
import { api, newKey } from './api.js';
import { compare } from './compare.js';
import { askConfirmation, askOneButton, showLoaded } from './dialogs.js';
import { el, icon } from './dom.js';
import { GalleryGrid } from './gallery-grid.js';
import { GalleryPages } from './gallery-pages.js';
import { NARROW } from './narrow.js';
import { PicturePanel } from './picture-panel.js';
import { grouped, t } from './texts.js';

const SEARCH_AFTER_MS = 180;
const REFRESH_AFTER_MS = 400;
/** As many as the server puts into one file. */
const MOST_CHOSEN = 1000;
const EXAMPLE = 'panda -snow style:base size:1024x1536 seed:7';

/**
 * All pictures of a room or person: searched, chosen, compared, taken along. `host`: `user()`, `act(room, action, text)` →
 * whether it was accepted, `onEdit(room, command)`, `report(room, error)`.
 */
export class Gallery {
  element;
  #host;
  #room = null;
  #text = '';
  #likedOnly = false;
  /** Pictures by id. */
  #chosen = new Map();
  /** Where a choice of several in a row began. */
  #anchor = 0;
  #searching = 0;
  #refreshing = 0;
  #isShown = false;
  #pages = new GalleryPages(
    (offset, limit) => this.#read(offset, limit),
    (error) => this.#changed(error),
  );
  #grid = new GalleryGrid(this.#source());
  #panel;
  #search = el('input', {
    ...{
      type: 'search',
      class: 'gallery-search',
      placeholder: t('Search pictures…'),
      'aria-label': t('Search pictures'),
    },
    ...{
      maxlength: 300,
      spellcheck: 'false',
      autocomplete: 'off',
      title: t('For example: {command}', { command: EXAMPLE }),
    },
    oninput: () => this.#searchLater(),
    onkeydown: (event) => event.key === 'ArrowDown' && this.focus(),
  });
  #likes = el(
    'button',
    { type: 'button', class: 'button', 'aria-pressed': 'false', onclick: () => this.#toggleLikes() },
    t('★ Favourites'),
  );
  #count = el('p', { class: 'gallery-count', role: 'status' });
  #actions = el('div', { class: 'gallery-actions', role: 'group', 'aria-label': t('Chosen pictures'), hidden: true });
  #empty = el('div', { class: 'gallery-empty', hidden: true });

  constructor(host) {
    this.#host = host;
    this.#panel = new PicturePanel({
      user: host.user,
      act: (picture, action, text) => this.#act(picture, action, text),
      like: (picture, isLiked) => this.#like(picture, isLiked),
      onEdit: (details) => host.onEdit(details.room, details.command),
      onClose: () => this.#closePanel(),
      onTurn: (step) => this.#open(this.#grid.active + step),
      onShow: (picture) => this.#panel.show(picture),
    });
    this.#grid.list.addEventListener('click', (event) => this.#click(event));
    this.#grid.list.addEventListener('keydown', (event) => this.#key(event));
    this.#panel.element.addEventListener('keydown', (event) => event.key === 'Escape' && this.#closePanel());
    const search = el(
      'form',
      { role: 'search', onsubmit: (event) => event.preventDefault() },
      icon('search'),
      this.#search,
    );
    this.element = el(
      'section',
      { class: 'gallery', 'aria-label': t('Gallery') },
      el('div', { class: 'gallery-bar' }, search, this.#likes, this.#count, this.#actions),
      el(
        'div',
        { class: 'gallery-body' },
        el('div', { class: 'gallery-left' }, this.#grid.element, this.#empty),
        this.#panel.element,
      ),
    );
  }

  /** @param room `null` for one's own pictures */
  show(room) {
    const isOther = room !== this.#room || !this.#isShown;
    this.#isShown = true;
    this.element.hidden = false;
    if (!isOther) return;
    this.#room = room;
    this.#choose([]);
    this.#panel.close();
    this.#grid.toTop();
    this.#pages.restart();
  }

  hide() {
    this.#isShown = false;
    this.element.hidden = true;
  }

  focus() {
    this.#grid.list.focus({ preventScroll: true });
  }

  /** Pictures of a room came or went. */
  stale(room) {
    if (!this.#isShown || (this.#room !== null && this.#room !== room)) return;
    clearTimeout(this.#refreshing);
    this.#refreshing = setTimeout(() => this.#pages.restart(), REFRESH_AFTER_MS);
  }

  #source() {
    const gallery = this;
    return {
      get count() {
        return gallery.#pages.count;
      },
      at: (index) => gallery.#pages.at(index),
      isChosen: ({ id }) => gallery.#chosen.has(id),
      onSee: (first, last) => gallery.#pages.want(first, last),
    };
  }

  #read(offset, limit) {
    const where = this.#room === null ? {} : { room: this.#room };
    const liked = this.#likedOnly ? { liked: '1' } : {};
    return api.gallery({ ...where, ...liked, q: this.#text, user: this.#host.user(), offset, limit });
  }

  #changed(error) {
    if (error !== undefined) {
      this.#count.textContent = error.message;
      return;
    }
    this.#grid.draw();
    const { count } = this.#pages;
    this.#count.textContent = t('{shown} picture | {shown} pictures', { count, shown: grouped(count) });
    this.#showEmpty(count === 0);
  }

  #showEmpty(isEmpty) {
    this.#empty.hidden = !isEmpty;
    this.#grid.element.hidden = isEmpty;
    if (!isEmpty) return;
    const isSearch = this.#text.trim() !== '';
    const title = isSearch
      ? t('Nothing found')
      : this.#likedOnly
        ? t('No favourites here yet')
        : t('No pictures here yet');
    const line = isSearch
      ? t('Words match from their beginning. Settings help too: {example}', { example: EXAMPLE })
      : this.#likedOnly
        ? t('The star beside a picture keeps it here. Only you see your favourites.')
        : t('Describe one in the chat, and it appears here when it is painted.');
    this.#empty.replaceChildren(el('h2', {}, title), el('p', {}, line));
  }

  #searchLater() {
    clearTimeout(this.#searching);
    this.#searching = setTimeout(() => {
      this.#text = this.#search.value;
      this.#again();
    }, SEARCH_AFTER_MS);
  }

  #toggleLikes() {
    this.#likedOnly = !this.#likedOnly;
    this.#likes.setAttribute('aria-pressed', String(this.#likedOnly));
    this.#again();
  }

  #again() {
    this.#choose([]);
    this.#grid.toTop();
    this.#pages.restart();
  }

  #open(index) {
    this.#grid.activate(index);
    const picture = this.#pages.at(this.#grid.active);
    if (picture) this.#panel.show(picture);
  }

  #closePanel() {
    this.#panel.close();
    this.focus();
  }

  #click(event) {
    const index = this.#grid.indexOf(event);
    if (index < 0) return;
    const isCheck = event.target.classList.contains('tile-check');
    if (event.shiftKey) return this.#chooseTo(index);
    this.#anchor = index;
    if (isCheck || event.ctrlKey || event.metaKey || this.#chosen.size > 0) {
      this.#grid.activate(index);
      return this.#toggle(index);
    }
    this.#open(index);
    if (NARROW.matches) this.#panel.element.focus();
  }

  #key(event) {
    const { columns, rowsInSight, active } = this.#grid;
    const moves = {
      ...{ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns },
      ...{ PageUp: -columns * rowsInSight, PageDown: columns * rowsInSight, Home: -active, End: this.#pages.count },
    };
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (altKey) return;
    if (key in moves && !ctrlKey && !metaKey) {
      if (shiftKey) this.#chooseTo(active + moves[key]);
      else this.#move(active + moves[key]);
    } else if (key === 'Enter') {
      this.#open(active);
      this.#panel.element.focus();
    } else if (key === ' ') this.#toggle(active);
    else if (key === 'a' && (ctrlKey || metaKey)) this.#chooseFrom(0, this.#pages.count - 1);
    else if (key === 'Escape' && (this.#chosen.size > 0 || this.#panel.shown)) this.#leave();
    else if (key === 'Delete' && this.#chosen.size > 0) this.#delete();
    else if (key === 'f' && !ctrlKey && !metaKey) this.#likeActive();
    else return;
    event.preventDefault();
  }

  #move(index) {
    this.#anchor = Math.max(0, index);
    if (this.#panel.shown === null) this.#grid.activate(index);
    else this.#open(index);
  }

  #leave() {
    if (this.#chosen.size > 0) this.#choose([]);
    else this.#panel.close();
  }

  #likeActive() {
    const picture = this.#pages.at(this.#grid.active);
    if (picture) this.#like(picture, !picture.liked);
  }

  async #like(picture, isLiked) {
    this.#pages.change(picture.id, { liked: isLiked });
    this.#grid.draw();
    announce(isLiked ? t('Kept as a favourite.') : t('No longer a favourite.'));
    try {
      const verb = isLiked ? 'favourite' : 'unfavourite';
      await api.act(picture.room, `${verb}:${picture.id}`, this.#host.user(), undefined, newKey());
      if (this.#panel.shown === picture.id) await this.#panel.refresh();
    } catch (error) {
      this.#pages.change(picture.id, { liked: !isLiked });
      this.#grid.draw();
      this.#host.report(picture.room, error);
    }
  }

  async #act(picture, action, text) {
    if (await this.#host.act(picture.room, action, text)) await this.#afterAct(action);
  }

  async #afterAct(action) {
    if (action.startsWith('delete:')) {
      this.#closePanel();
      this.#pages.restart();
    }
  }

  #toggle(index) {
    const picture = this.#pages.at(index);
    if (!picture) return;
    const chosen = new Map(this.#chosen);
    if (!chosen.delete(picture.id)) chosen.set(picture.id, picture);
    this.#choose(chosen);
  }

  #chooseTo(index) {
    const to = Math.max(0, Math.min(index, this.#pages.count - 1));
    this.#grid.activate(to);
    this.#chooseFrom(Math.min(this.#anchor, to), Math.max(this.#anchor, to));
  }

  /** As far as they are read. */
  #chooseFrom(first, last) {
    const chosen = [];
    for (let index = first; index <= last && chosen.length < MOST_CHOSEN; index += 1) {
      const picture = this.#pages.at(index);
      if (picture) chosen.push([picture.id, picture]);
    }
    this.#choose(chosen);
  }

  #choose(entries) {
    this.#chosen = new Map([...entries].slice(0, MOST_CHOSEN));
    this.#grid.draw();
    this.element.toggleAttribute('data-choosing', this.#chosen.size > 0);
    this.#drawActions();
  }

  #drawActions() {
    const { size } = this.#chosen;
    const isHidden = size === 0;
    if (!isHidden) announce(t('{count} chosen.', { count: size }));
    const hadFocus = this.#actions.contains(document.activeElement);
    this.#actions.hidden = isHidden;
    this.#count.hidden = !isHidden;
    const button = (label, onclick, style = 'secondary') =>
      el('button', { type: 'button', class: 'button', 'data-style': style, onclick }, label);
    this.#actions.replaceChildren(
      ...[
        el('strong', {}, t('{count} chosen', { count: size })),
        size === 2 && button(t('Compare'), () => this.#compare()),
        button(t('Download'), () => this.#download()),
        button(t('Vary'), () => this.#vary()),
        button(t('Delete'), () => this.#delete(), 'danger'),
        button(t('Clear'), () => this.#choose([])),
      ].filter(Boolean),
    );
    if (hadFocus) this.focus();
  }

  async #compare() {
    const ids = [...this.#chosen.keys()];
    const load = () => Promise.all(ids.map((id) => api.picture(id, this.#host.user())));
    await this.#reporting(() => showLoaded(load, compare));
  }

  async #download() {
    await this.#reporting(async () => {
      const { url } = await api.zip([...this.#chosen.keys()], this.#host.user());
      const link = el('a', { href: url, download: 'wuerst-pictures.zip', hidden: true });
      document.body.append(link);
      link.click();
      link.remove();
    });
  }

  async #vary() {
    const count = this.#chosen.size;
    const verb = await askOneButton({
      title: t('Vary this picture? | Vary these {count} pictures?', { count }),
      intro: t('Each becomes a request that waits its turn, in the room that it is from.'),
      choices: [
        { value: 'vary-subtle', label: t('A little') },
        { value: 'vary-strong', label: t('A lot') },
      ],
    });
    if (verb !== null) await this.#each(verb, (told) => t('{done} of {all} are on their way.', told));
  }

  async #delete() {
    const count = this.#chosen.size;
    const question = t('Delete this picture for good? | Delete {count} pictures for good?', { count });
    if (!(await askConfirmation(question, t('Delete'), true))) return;
    this.#panel.close();
    await this.#each('delete', (told) => t('{done} of {all} were deleted.', told));
  }

  /** The same button of each chosen picture, one after the other; those for which it fails stay chosen. */
  async #each(verb, say) {
    const pictures = [...this.#chosen.values()];
    const failed = [];
    let failure;
    for (const picture of pictures) {
      try {
        await api.act(picture.room, `${verb}:${picture.id}`, this.#host.user(), undefined, newKey());
      } catch (error) {
        failure = error;
        failed.push([picture.id, picture]);
      }
    }
    this.#choose(failed);
    this.#pages.restart();
    tell(say({ done: pictures.length - failed.length, all: pictures.length }));
    if (failure) await this.#tell(failed.length, failure);
    this.focus();
  }

  #tell(count, error) {
    const title = t('This did not work for one picture. | This did not work for {count} pictures.', { count });
    return askOneButton({ title, intro: [error.message, error.hint].filter(Boolean).join(' '), choices: [] });
  }

  async #reporting(work) {
    try {
      await work();
    } catch (error) {
      await this.#tell(this.#chosen.size, error);
    }
  }
}
