import { api } from './api.js';
import { byId, el, iconButton } from './dom.js';
import { paintMask } from './mask-brush.js';
import { decimal, t } from './texts.js';

/** As the server has them. */
const MOST_PICTURES = 3;
const MOST_BYTES = 20 * 2 ** 20;
const USUAL_STRENGTH = 0.6;
const THUMBNAIL = 96;

/** The pictures that the next command starts from: picked, dropped or pasted. They stay until a command was accepted. */
class GivenPictures {
  #files = [];
  #mask = null;
  #list = el('ul', { class: 'given-list', 'aria-label': t('Pictures to start from') });
  #problem = el('p', { class: 'problem', role: 'alert' });
  /** Who signed the picture that was added last, and whether it was changed since. */
  #marks = el('p', { class: 'given-marks', role: 'status' });
  /** Where that picture says how it was made. */
  #again = el('button', { type: 'button', class: 'key', hidden: true, onclick: () => this.#useParameters() });
  #parameters = '';
  #strength = el('input', {
    ...{ type: 'range', id: 'strength', min: 0, max: 1, step: 0.05, value: USUAL_STRENGTH },
    oninput: () => this.#showStrength(),
  });
  #said = el('output', { for: 'strength' });
  #part = el('button', { type: 'button', class: 'key', onclick: () => this.#choosePart() });
  #tray = el(
    'div',
    { class: 'given', hidden: true },
    this.#list,
    el(
      'div',
      { class: 'given-settings' },
      el('label', { for: 'strength' }, t('Strength')),
      this.#strength,
      this.#said,
      this.#part,
    ),
    this.#marks,
    this.#again,
    this.#problem,
  );

  constructor() {
    const box = document.querySelector('.composer-box');
    const input = el('input', { type: 'file', accept: 'image/*', multiple: true, hidden: true, id: 'picture-files' });
    input.addEventListener('change', () => {
      this.add(input.files);
      input.value = '';
    });
    box.before(this.#tray);
    box.prepend(
      input,
      iconButton('picture', t('Add a picture to start from'), () => input.click(), 'add-picture'),
    );
    byId('prompt').addEventListener('paste', (event) => this.#take(event, event.clipboardData));
    document.addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    });
    document.addEventListener('drop', (event) => this.#take(event, event.dataTransfer));
  }

  get isEmpty() {
    return this.#files.length === 0;
  }

  /** The text of a command with what was chosen beside it. */
  textWith(text) {
    const strength = Number(this.#strength.value);
    if (this.isEmpty || strength === USUAL_STRENGTH || /\bstrength[: ]/i.test(text)) return text;
    return `${text} strength:${strength}`.trim();
  }

  /** The body of a command: JSON, or a form where pictures go with it. */
  async bodyOf({ text, user, room }) {
    if (this.isEmpty) return { text, user };
    const form = new FormData();
    const size = this.#mask && (await sizeFor(this.#mask, { text, user, room }).catch(() => null));
    form.append('text', this.textWith(size ? `${text} size:${size}`.trim() : text));
    if (user) form.append('user', user);
    for (const file of this.#files) form.append('image', file);
    if (this.#mask) form.append('mask', this.#mask, 'mask.png');
    return form;
  }

  clear() {
    this.#files = [];
    this.#mask = null;
    this.#problem.textContent = '';
    this.#forgetMarks();
    this.#strength.value = USUAL_STRENGTH;
    this.#draw();
  }

  add(files) {
    this.#problem.textContent = '';
    for (const file of files) {
      if (!file.type.startsWith('image/')) this.#refuse(t('{file} is no picture.', { file: file.name }));
      else if (file.size > MOST_BYTES) this.#refuse(tooLarge(file));
      else if (this.#files.length >= MOST_PICTURES) this.#refuse(tooMany());
      else {
        this.#files.push(file);
        this.#showMarks(file);
      }
    }
    if (this.#files.length > 1) this.#mask = null;
    this.#draw();
    byId('prompt').focus();
  }

  #take(event, data) {
    if (!data || data.files.length === 0) return;
    event.preventDefault();
    // They stand beside the prompt, which other views hide.
    if (byId('dock').hidden) byId('view-chat').click();
    this.add(data.files);
  }

  /** What is wrong with a file is said when it is sent. */
  async #showMarks(file) {
    this.#forgetMarks();
    const { sentences, parameters = '' } = await api.marks(file).catch(() => ({ sentences: [] }));
    if (this.#files.at(-1) !== file) return;
    if (sentences.length > 0) this.#marks.textContent = `${file.name}: ${sentences.join(' ')}`;
    this.#parameters = parameters.trim();
    this.#again.hidden = this.#parameters === '';
    this.#again.textContent = t('Use the prompt and settings of {file}', { file: file.name });
  }

  #forgetMarks() {
    this.#marks.textContent = '';
    this.#parameters = '';
    this.#again.hidden = true;
  }

  /** Paints it again instead of starting from it: what it says of itself becomes the prompt. */
  #useParameters() {
    const prompt = byId('prompt');
    prompt.value = this.#parameters;
    this.#files.pop();
    this.#mask = null;
    this.#forgetMarks();
    this.#draw();
    prompt.dispatchEvent(new Event('input', { bubbles: true }));
    prompt.focus();
  }

  #refuse(why) {
    this.#problem.textContent = why;
  }

  async #choosePart() {
    const [file] = this.#files;
    try {
      const mask = await paintMask(file, this.#mask);
      if (mask === null || this.#files[0] !== file) return;
      this.#mask = mask;
      this.#draw();
    } catch {
      this.#refuse(t('This browser cannot show {file}, so no part of it can be chosen.', { file: file.name }));
    }
  }

  #draw() {
    this.#list.replaceChildren(...this.#files.map((file, i) => this.#item(file, i)));
    this.#part.hidden = this.#files.length !== 1;
    this.#part.textContent = this.#mask ? t('Change the part') : t('Paint only a part');
    this.#tray.hidden = this.isEmpty && this.#problem.textContent === '';
    byId('composer').toggleAttribute('data-pictures', !this.isEmpty);
    this.#showStrength();
  }

  #showStrength() {
    this.#said.value = decimal(Number(this.#strength.value), 2);
  }

  #item(file, i) {
    const canvas = el('canvas', { width: THUMBNAIL, height: THUMBNAIL, role: 'img', 'aria-label': file.name });
    drawThumbnail(canvas, file);
    const remove = () => {
      this.#files.splice(i, 1);
      this.#mask = null;
      this.#problem.textContent = '';
      this.#forgetMarks();
      this.#draw();
      byId('prompt').focus();
    };
    return el('li', {}, canvas, iconButton('close', t('Remove {file}', { file: file.name }), remove, 'remove-picture'));
  }
}

/**
 * The size with the shape of a picture of which only a part is to change: others would cut off what was painted over. `null` where it is
 * the usual one, or where the text has a size.
 */
async function sizeFor(mask, { text, user, room }) {
  const [{ settings }, { spans }, { width, height }] = await Promise.all([
    api.settings(room, user),
    api.settingsIn(text, room, user),
    createImageBitmap(mask),
  ]);
  if (spans.some(({ fields }) => fields.includes('width') || fields.includes('height'))) return null;
  const difference = (size) => {
    const [across, down] = size.split('x').map(Number);
    return Math.abs(Math.log((across * height) / (down * width)));
  };
  const sizes = settings.find(({ name }) => name === 'size').choices;
  const [nearest] = sizes.toSorted((a, b) => difference(a) - difference(b));
  return nearest === sizes[0] ? null : nearest;
}

function tooLarge({ name }) {
  return t('{file} is larger than {most} MB.', { file: name, most: MOST_BYTES / 2 ** 20 });
}

function tooMany() {
  return t('At most {most} pictures can be blended.', { most: MOST_PICTURES });
}

/** A picture that the browser cannot read stays a name: the server says what is wrong with it. */
async function drawThumbnail(canvas, file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (picture === null) return;
  const side = Math.min(picture.width, picture.height);
  const [x, y] = [(picture.width - side) / 2, (picture.height - side) / 2];
  canvas.getContext('2d').drawImage(picture, x, y, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  picture.close();
}

export const givenPictures = new GivenPictures();
