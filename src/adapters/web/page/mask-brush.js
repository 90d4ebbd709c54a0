import { showLoaded } from './dialogs.js';
import { el } from './dom.js';
import { t } from './texts.js';

/** Of the painted mask; the picture keeps its shape. */
const LONG_SIDE = 768;
/** Shares of the longer side. */
const BRUSH = { usual: 0.08, least: 0.02, most: 0.3 };
const STEP = 1 / 40;

/** Strokes that can be taken back, of a few MB each. */
const MOST_UNDONE = 20;

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Lets somebody paint over a part of a picture. Resolves to a PNG that is white there, or to `null` when it was cancelled. Fails for
 * what the browser cannot read.
 * @param before what it resolved to the last time, to go on from
 */
export function paintMask(file, before = null) {
  const load = () => Promise.all([createImageBitmap(file), before && createImageBitmap(before)]);
  return showLoaded(load, paintOver);
}

async function paintOver([picture, before]) {
  const brush = new Brush(picture, before);
  const titleId = 'mask-title';
  const close = (answer) => () => {
    dialog.returnValue = answer;
    dialog.close(answer);
  };
  const buttons = el(
    'div',
    { class: 'sheet-buttons' },
    el('button', { type: 'button', class: 'button', onclick: () => brush.undo() }, t('Undo')),
    el('button', { type: 'button', class: 'button', onclick: () => brush.redo() }, t('Redo')),
    el('button', { type: 'button', class: 'button', onclick: () => brush.clear() }, t('Clear')),
    el('button', { type: 'button', class: 'button', onclick: close('') }, t('Cancel')),
    el(
      'button',
      { type: 'button', class: 'button', 'data-style': 'primary', onclick: close('done') },
      t('Use this part'),
    ),
  );
  const dialog = el(
    'dialog',
    { class: 'sheet panel mask-sheet', 'aria-labelledby': titleId },
    el('h2', { id: titleId }, t('Paint over what is to change')),
    el(
      'p',
      { id: 'mask-help' },
      t(
        'Drag, or use the arrow keys to move the brush and Space to paint; E erases, + and − change its size, Ctrl+Z takes back.',
      ),
    ),
    brush.element,
    brush.tools,
    buttons,
  );
  document.body.append(dialog);
  dialog.showModal();
  brush.element.focus();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  const mask = dialog.returnValue === 'done' && brush.hasPainted ? await brush.toBlob() : null;
  dialog.remove();
  picture.close();
  return mask;
}

class Brush {
  #picture;
  #mask = el('canvas');
  #at;
  #size = BRUSH.usual;
  #erases = false;
  /** The one that paints; `null` for none. */
  #pointer = null;
  /** Masks before each stroke, and those that were taken back. */
  #past = [];
  #future = [];
  hasPainted = false;
  element;
  #width = el('input', {
    ...{ type: 'range', id: 'brush-size', min: BRUSH.least, max: BRUSH.most, step: 0.01, value: BRUSH.usual },
    oninput: () => this.#resize(Number(this.#width.value)),
  });
  #eraser = el(
    'button',
    { type: 'button', class: 'key', 'aria-pressed': 'false', onclick: () => this.#switchEraser() },
    t('Eraser'),
  );
  /** For who has no keys. */
  tools = el(
    'div',
    { class: 'given-settings' },
    el('label', { for: 'brush-size' }, t('Brush size')),
    this.#width,
    this.#eraser,
  );

  constructor(picture, before) {
    this.#picture = picture;
    const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height));
    const [width, height] = [picture.width, picture.height].map((side) => Math.max(8, Math.round(side * scale)));
    Object.assign(this.#mask, { width, height });
    // Each stroke is read, to be taken back.
    const pen = this.#mask.getContext('2d', { willReadFrequently: true });
    if (before) this.#goOn(pen, before);
    this.#at = [width / 2, height / 2];
    this.element = el('canvas', {
      ...{ class: 'mask-canvas', width, height, tabindex: 0, role: 'application' },
      ...{ 'aria-label': t('The picture, to be painted over'), 'aria-describedby': 'mask-help' },
      onkeydown: (event) => this.#key(event),
      onpointerdown: (event) => this.#down(event),
      onpointermove: (event) => this.#move(event),
      onlostpointercapture: () => {
        this.#pointer = null;
      },
    });
    this.#draw();
  }

  /** Black lets through what white covers. */
  #goOn(pen, before) {
    pen.drawImage(before, 0, 0);
    const pixels = pen.getImageData(0, 0, this.#mask.width, this.#mask.height);
    for (let k = 0; k < pixels.data.length; k += 4) {
      pixels.data[k + 3] = pixels.data[k];
      pixels.data.fill(255, k, k + 3);
    }
    pen.putImageData(pixels, 0, 0);
    this.hasPainted = true;
  }

  clear() {
    this.#remember();
    const pen = this.#mask.getContext('2d');
    pen.globalCompositeOperation = 'source-over';
    pen.clearRect(0, 0, this.#mask.width, this.#mask.height);
    this.hasPainted = false;
    this.#draw();
  }

  undo() {
    this.#goTo(this.#past, this.#future);
  }

  redo() {
    this.#goTo(this.#future, this.#past);
  }

  /** Before a stroke. */
  #remember() {
    this.#past = [...this.#past, this.#state()].slice(-MOST_UNDONE);
    this.#future = [];
  }

  #state() {
    const { width, height } = this.#mask;
    return { pixels: this.#mask.getContext('2d').getImageData(0, 0, width, height), hasPainted: this.hasPainted };
  }

  #goTo(from, to) {
    const state = from.pop();
    if (!state) return;
    to.push(this.#state());
    this.#mask.getContext('2d').putImageData(state.pixels, 0, 0);
    this.hasPainted = state.hasPainted;
    this.#draw();
  }

  /** White on black. */
  toBlob() {
    const { width, height } = this.#mask;
    const whole = el('canvas', { width, height });
    const pen = whole.getContext('2d');
    pen.fillStyle = '#000';
    pen.fillRect(0, 0, width, height);
    pen.drawImage(this.#mask, 0, 0);
    return new Promise((resolve) => whole.toBlob(resolve, 'image/png'));
  }

  get #radius() {
    return (this.#size * Math.max(this.#mask.width, this.#mask.height)) / 2;
  }

  #key(event) {
    if ((event.ctrlKey || event.metaKey) && /^[zy]$/i.test(event.key)) {
      event.preventDefault();
      return event.shiftKey || /y/i.test(event.key) ? this.redo() : this.undo();
    }
    const move = MOVES[event.key];
    if (move) {
      const step = Math.max(this.#mask.width, this.#mask.height) * STEP;
      this.#to(this.#at[0] + move[0] * step, this.#at[1] + move[1] * step, event.getModifierState('CapsLock'));
    } else if (event.key === ' ' || event.key === 'Enter') this.#stroke();
    else if (event.key === 'e' || event.key === 'E') this.#switchEraser();
    else if (event.key === '+' || event.key === '=') this.#resize(this.#size * 1.25);
    else if (event.key === '-') this.#resize(this.#size / 1.25);
    else return;
    event.preventDefault();
  }

  #resize(size) {
    this.#size = Math.min(BRUSH.most, Math.max(BRUSH.least, size));
    this.#width.value = this.#size;
    this.#draw();
  }

  #switchEraser() {
    this.#erases = !this.#erases;
    this.#eraser.setAttribute('aria-pressed', String(this.#erases));
  }

  #stroke() {
    this.#remember();
    this.#dab();
  }

  #down(event) {
    if (this.#pointer !== null) return;
    this.#pointer = event.pointerId;
    this.element.setPointerCapture(event.pointerId);
    this.#to(...this.#place(event), false);
    this.#stroke();
  }

  #move(event) {
    if (this.#pointer === null || this.#pointer === event.pointerId)
      this.#to(...this.#place(event), this.#pointer !== null);
  }

  #place({ offsetX, offsetY }) {
    const { clientWidth, clientHeight } = this.element;
    return [(offsetX / clientWidth) * this.#mask.width, (offsetY / clientHeight) * this.#mask.height];
  }

  #to(x, y, paints) {
    const from = this.#at;
    this.#at = [Math.min(this.#mask.width, Math.max(0, x)), Math.min(this.#mask.height, Math.max(0, y))];
    if (paints) this.#dab(from);
    else this.#draw();
  }

  /** From where the brush was, since a quick hand skips what is between. */
  #dab(from = this.#at) {
    const pen = this.#mask.getContext('2d');
    pen.globalCompositeOperation = this.#erases ? 'destination-out' : 'source-over';
    pen.fillStyle = '#fff';
    pen.beginPath();
    pen.arc(...this.#at, this.#radius, 0, 2 * Math.PI);
    pen.fill();
    pen.strokeStyle = '#fff';
    pen.lineCap = 'round';
    pen.lineWidth = 2 * this.#radius;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...this.#at);
    pen.stroke();
    this.hasPainted ||= !this.#erases;
    this.#draw();
  }

  #draw() {
    const { width, height } = this.element;
    const pen = this.element.getContext('2d');
    pen.globalAlpha = 1;
    pen.drawImage(this.#picture, 0, 0, width, height);
    pen.globalAlpha = 0.6;
    pen.drawImage(this.#mask, 0, 0);
    pen.globalAlpha = 1;
    pen.lineWidth = 3;
    for (const colour of ['#000', '#fff']) {
      pen.strokeStyle = colour;
      pen.beginPath();
      pen.arc(...this.#at, this.#radius, 0, 2 * Math.PI);
      pen.stroke();
      pen.lineWidth = 1.5;
    }
  }
}
