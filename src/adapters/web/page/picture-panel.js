import { api } from './api.js';
import { replyButton } from './buttons.js';
import { copyText } from './copy.js';
import { el, icon, iconButton } from './dom.js';
import { openLightbox } from './lightbox.js';
import { t, withElements } from './texts.js';
import { clockTime } from './time.js';

/** Buttons that the panel has in another form. */
const OWN_FORM = /^(?:info|favourite|unfavourite):/;
/** Fields that stand elsewhere in it, or that say nothing about one picture. */
const SHOWN_ELSEWHERE = new Set([t('Picture'), t('Request'), t('Typed as'), t('Negative typed as')]);

/**
 * Everything about one picture, beside the grid; over it on a phone. `host`: `user()`, `act(picture, action, text)`,
 * `like(picture, isLiked)`, `onEdit(command)`, `onClose()`, `onTurn(step)`, `onShow(picture)`.
 */
export class PicturePanel {
  element = el('aside', { class: 'picture-panel', 'aria-label': t('Picture'), tabindex: '-1', hidden: true });
  #host;
  #shown = null;

  constructor(host) {
    this.#host = host;
  }

  /** Its id; `null` while the panel is closed. */
  get shown() {
    return this.#shown;
  }

  close() {
    this.#shown = null;
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /** Shows what is known at once, and the rest when it comes. */
  async show(picture) {
    if (this.#shown === picture.id) return;
    this.#shown = picture.id;
    this.element.hidden = false;
    this.element.scrollTop = 0;
    this.#draw(picture, null);
    await this.refresh();
  }

  /** Reads it again. */
  async refresh() {
    const id = this.#shown;
    try {
      const details = await api.picture(id, this.#host.user());
      if (this.#shown === id) this.#draw(details, details);
    } catch (error) {
      if (this.#shown !== id) return;
      this.element
        .querySelector('.panel-rest')
        ?.replaceChildren(el('p', { class: 'problem', role: 'alert' }, error.message));
    }
  }

  #draw(picture, details) {
    const hadFocus = this.element.contains(document.activeElement);
    const focused = document.activeElement.dataset.action;
    const rest = details === null ? el('p', { class: 'panel-muted' }, t('Loading…')) : this.#rest(details);
    this.element.replaceChildren(
      this.#head(picture),
      this.#picture(picture, details),
      el('div', { class: 'panel-rest' }, rest),
    );
    if (hadFocus) ((focused && this.element.querySelector(`[data-action="${focused}"]`)) || this.element).focus();
  }

  #head(picture) {
    const { onTurn, onClose } = this.#host;
    const star = iconButton('star', t('Favourite'), () => this.#like(picture), 'star');
    star.setAttribute('aria-pressed', String(picture.liked));
    const download = el(
      'a',
      { class: 'icon-button', href: picture.url, download: picture.fileName, 'aria-label': t('Download') },
      icon('download'),
    );
    const buttons = [
      iconButton('left', t('Previous picture'), () => onTurn(-1)),
      iconButton('right', t('Next picture'), () => onTurn(1)),
      el('span', { class: 'panel-space' }),
      star,
      download,
      iconButton('close', t('Close'), onClose),
    ];
    for (const button of buttons) button.dataset.action = button.getAttribute('aria-label') ?? '';
    return el('div', { class: 'panel-head' }, buttons);
  }

  async #like(picture) {
    picture.liked = !picture.liked;
    this.element.querySelector('.star').setAttribute('aria-pressed', String(picture.liked));
    await this.#host.like(picture, picture.liked);
  }

  #picture(picture, details) {
    const alt = picture.spoiler ? t('Covered picture') : picture.title;
    const img = el('img', { src: `${picture.url}?w=640`, alt, width: picture.width, height: picture.height });
    const open = () => {
      if (button.dataset.spoiler === undefined) return this.#enlarge(picture, details);
      delete button.dataset.spoiler;
      button.setAttribute('aria-label', t('Enlarge: {title}', { title: picture.title }));
      img.alt = picture.title;
    };
    const button = el(
      'button',
      {
        ...{ type: 'button', class: 'picture', '--shape': picture.width / picture.height, onclick: open },
        'aria-label': picture.spoiler ? t('Covered picture: show it') : t('Enlarge: {title}', { title: picture.title }),
        'data-spoiler': picture.spoiler,
        'data-action': 'enlarge',
      },
      img,
    );
    return button;
  }

  #enlarge(picture, details) {
    openLightbox(0, {
      images: [{ ...picture, alt: picture.title }],
      buttonsOf: () => this.#buttons(details),
      act: (action, text) => this.#host.act(picture, action, text),
      title: picture.title,
    });
  }

  #buttons(details) {
    return (details?.buttons ?? []).filter(({ action }) => !OWN_FORM.test(action));
  }

  #rest(details) {
    const act = (action, text) => this.#host.act(details, action, text);
    return [
      el('p', { class: 'prompt', dir: 'auto' }, details.title),
      el('p', { class: 'panel-muted' }, origin(details)),
      el(
        'div',
        { class: 'buttons' },
        this.#copy(t('Copy prompt'), details.request.prompt),
        this.#copy(t('Copy seed'), String(details.seed)),
        el(
          'button',
          { type: 'button', class: 'button', 'data-action': 'edit', onclick: () => this.#host.onEdit(details) },
          t('Edit in chat'),
        ),
        this.#buttons(details).map((button) => replyButton(button, act)),
      ),
      this.#family(t('Made from'), details.ancestors),
      this.#family(t('Made from it'), details.children),
      this.#family(t('From the same request'), details.siblings),
      facts(details.fields),
    ];
  }

  #copy(label, text) {
    const field = el('textarea', { class: 'visually-hidden', tabindex: '-1', 'aria-hidden': 'true', readonly: true });
    field.value = text;
    const onclick = () => copyText(text, () => field.select());
    const button = el('button', { type: 'button', class: 'button', 'data-action': label, onclick }, label);
    return el('span', {}, button, field);
  }

  #family(title, pictures) {
    if (pictures.length === 0) return null;
    const relative = (picture) =>
      el(
        'button',
        {
          type: 'button',
          class: 'relative',
          'aria-label': picture.spoiler ? t('Covered picture') : picture.title,
          'data-spoiler': picture.spoiler,
          'data-action': picture.id,
          onclick: () => this.#host.onShow(picture),
        },
        el('img', { src: `${picture.url}?w=160`, alt: '' }),
      );
    return el(
      'section',
      { class: 'family', 'aria-label': title },
      el('h2', { class: 'panel-title' }, title),
      el('div', {}, pictures.map(relative)),
    );
  }
}

function facts(fields) {
  const shown = fields.filter(({ name }) => !SHOWN_ELSEWHERE.has(name));
  const rows = shown.map(({ name, value }) => el('div', {}, el('dt', {}, name), el('dd', { dir: 'auto' }, value)));
  return el('dl', { class: 'facts' }, rows);
}

function origin({ user, room, at }) {
  return withElements(t('by {user} in {room}, {time}'), { user, room: `#${room}`, time: timeOf(at) });
}

function timeOf(at) {
  return el('time', { datetime: new Date(at).toISOString() }, clockTime(at));
}
