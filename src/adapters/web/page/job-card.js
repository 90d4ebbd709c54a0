import { buttonRow, replyButton, sortButtons } from './buttons.js';
import { el, redraw } from './dom.js';
import { note } from './note.js';
import { gridFor, pictureTile, placeholderTile, previewPart } from './pictures.js';
import { t } from './texts.js';
import { timeLeft } from './time.js';

let lastPicker = 0;

export function isOpen({ state }) {
  return state === 'queued' || state === 'running';
}

/** What stands under a prompt: progress, the pictures as they arrive, the buttons. A part is redrawn only when it changes. */
export class JobCard {
  element = el('div', { class: 'card' });
  #pictures = el('div', { class: 'pictures' });
  #label = el('span', { class: 'status-label' });
  #eta = el('span', { class: 'status-eta' });
  #bar = el(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': t('Progress'), 'aria-valuemin': '0', 'aria-valuemax': '100' },
    el('div', { class: 'bar-fill' }),
  );
  #waitingButtons = el('div');
  #status;
  #answer = el('div');
  #job = null;
  /** What this page's own clock was when the job came: the server's may differ from it. */
  #cameAt = 0;
  #act;
  #isConnected = true;
  #picked = null;
  #uncovered = new Set();

  constructor(act) {
    this.#act = act;
    const line = el('div', { class: 'status-line' }, this.#label, this.#eta);
    const main = el('div', { class: 'status-main' }, line, this.#bar);
    this.#status = el('div', { class: 'status panel' }, main, this.#waitingButtons);
    this.element.append(this.#pictures, this.#status, this.#answer);
  }

  update(job) {
    if (this.#job !== job) this.#cameAt = performance.now();
    this.#job = job;
    const open = isOpen(job);
    this.#drawPictures();
    this.#status.hidden = !open;
    if (open) this.#drawStatus();
    const { reply, error } = job;
    const shown = open ? null : [reply.buttons, reply.lines, error, job.images.length, this.#picked];
    redraw(this.#answer, shown, () => (open ? [] : this.#answerParts()));
  }

  /** Without a connection nothing that it shows of an open job can be trusted to go on. */
  setConnected(isConnected) {
    if (isConnected === this.#isConnected) return;
    this.#isConnected = isConnected;
    if (isOpen(this.#job)) this.#drawStatus();
  }

  /** Updates the time that is left, between two events. */
  tick() {
    if (this.#isConnected)
      this.#eta.textContent = timeLeft(this.#job.eta, this.#job.now + performance.now() - this.#cameAt);
  }

  #drawStatus() {
    const { reply, state } = this.#job;
    const progress = reply.progress ?? { fraction: 0, label: state === 'queued' ? t('Waiting') : t('Starting') };
    const percent = Math.round(progress.fraction * 100);
    this.element.toggleAttribute('data-paused', !this.#isConnected);
    this.#label.textContent = this.#isConnected ? progress.label : t('The bot cannot be reached.');
    if (!this.#isConnected) this.#eta.textContent = t('This goes on by itself when the bot is back.');
    this.#bar.setAttribute('aria-valuenow', String(percent));
    this.#bar.setAttribute('aria-valuetext', `${progress.label}, ${percent} %`);
    this.#bar.style.setProperty('--done', String(progress.fraction));
    this.#bar.hidden = state === 'queued' || !this.#isConnected;
    this.tick();
    redraw(this.#waitingButtons, reply.buttons, () => [buttonRow(reply.buttons.flat(), this.#act)]);
  }

  #drawPictures() {
    const { request, reply, state } = this.#job;
    const { images, buttons, preview, previewOf = [] } = reply;
    const running = state === 'running';
    const count = running ? request.n : images.length;
    const first = images[0] ?? request;
    const grid = gridFor(count, first.width / first.height);
    this.#pictures.hidden = count === 0;
    this.#pictures.style.setProperty('--columns', String(grid.columns));
    this.#pictures.style.setProperty('--grid-width', grid.width);
    const covered = images.map((image) => image.spoiler && !this.#uncovered.has(image.id));
    redraw(this.#pictures, [images, covered, running && [count, previewOf], buttons, this.#picked], () => {
      const { ofPicture } = sortButtons(reply);
      const shape = request.width / request.height;
      const missing = Array.from({ length: Math.max(0, count - images.length) }, (_, k) => {
        const place = previewOf.indexOf(images.length + k);
        if (place < 0) return placeholderTile(k === 0 ? 'coming' : 'waiting', shape);
        return placeholderTile('coming', shape, previewPart(place, previewOf.length));
      });
      return [...images.map((image, k) => this.#tile(image, k + 1, covered[k], ofPicture)), ...missing];
    });
    if (!running || !preview) return;
    // Each picture that is being made is shown in the place that it will have.
    for (const img of this.#pictures.querySelectorAll('.preview img')) if (img.src !== preview) img.src = preview;
  }

  #tile(image, number, covered, ofPicture) {
    return pictureTile(image, {
      images: this.#job.reply.images,
      number,
      covered,
      picked: this.#picked === image.id,
      title: this.#job.request.prompt,
      act: this.#act,
      buttonsOf: (id) => ofPicture.get(id) ?? [],
      onUncover: () => {
        this.#uncovered.add(image.id);
        this.update(this.#job);
      },
    });
  }

  #answerParts() {
    const { reply, state, request } = this.#job;
    // The prompt is shown above already.
    const title = reply.title === request.prompt ? '' : reply.title;
    if (state === 'failed' || reply.tone === 'error') return [note({ ...reply, images: [], title }, this.#act)];
    const lines = reply.lines.filter((line) => line !== reply.title).map((line) => el('p', { dir: 'auto' }, line));
    return [
      lines.length > 0 && el('div', { class: 'lines' }, lines),
      reply.fields.length > 0 && note({ fields: reply.fields, code: reply.code }, this.#act),
      ...this.#buttonRows(),
    ];
  }

  #buttonRows() {
    const { ofPicture, ofAnswer } = sortButtons(this.#job.reply);
    const withButtons = [...ofPicture].filter(([, buttons]) => buttons.length > 0);
    if (ofPicture.size <= 1 || withButtons.length === 0)
      return [buttonRow(inOneRow(ofAnswer, withButtons[0]?.[1] ?? []), this.#act)];
    const [id, buttons] = withButtons.find(([id]) => id === this.#picked) ?? withButtons[0];
    const elements = buttons.map((button) => replyButton(button, this.#act));
    const ofPicked = el('div', { class: 'buttons picture-actions' }, this.#picker(withButtons, id), elements);
    return [ofPicked, buttonRow(ofAnswer, this.#act)];
  }

  /** Chooses the picture whose buttons are shown. */
  #picker(withButtons, current) {
    const name = `picker-${++lastPicker}`;
    const order = this.#job.reply.images.map((image) => image.id);
    const choices = withButtons.map(([id]) => {
      const number = order.indexOf(id) + 1;
      const onchange = () => {
        this.#picked = id;
        this.update(this.#job);
      };
      const properties = {
        'aria-label': t('Picture {number}', { number }),
        'data-action': `pick:${id}`,
        checked: id === current,
      };
      return el('label', {}, el('input', { type: 'radio', name, onchange, ...properties }), String(number));
    });
    return el('div', { class: 'picker', role: 'radiogroup', 'aria-label': t('Choose a picture') }, choices);
  }
}

/** For a single picture: first what makes more of it, last what removes it. */
function inOneRow(ofAnswer, ofPicture) {
  const first = ofAnswer.filter((button) => button.style === 'primary');
  const last = ofAnswer.filter((button) => button.style !== 'primary');
  return [...first, ...ofPicture, ...last];
}
