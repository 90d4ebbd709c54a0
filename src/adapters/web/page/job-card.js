import { buttonRow, replyButton, sortButtons } from './buttons.js';
import { el, redraw } from './dom.js';
import { note } from './note.js';
import { columnsFor, comingTile, gridWidth, pictureTile } from './pictures.js';
import { describeEta } from './time.js';

let lastPicker = 0;

/** Everything under a prompt: how far it is, the pictures as they come, the buttons. Parts change only when they must. */
export class JobCard {
  element = el('div', { class: 'card' });
  #pictures = el('div', { class: 'pictures' });
  #status = el('div', { class: 'status panel' });
  #label = el('span', { class: 'status-label' });
  #eta = el('span', { class: 'status-eta' });
  #bar = el(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    el('div', { class: 'bar-fill' }),
  );
  #waitingButtons = el('div');
  #answer = el('div');
  #job = null;
  #act;
  #picked = null;
  #uncovered = new Set();

  constructor(act) {
    this.#act = act;
    const line = el('div', { class: 'status-line' }, this.#label, this.#eta);
    this.#status.append(el('div', { class: 'status-main' }, line, this.#bar), this.#waitingButtons);
    this.element.append(this.#pictures, this.#status, this.#answer);
  }

  update(job) {
    this.#job = job;
    const open = job.state === 'queued' || job.state === 'running';
    this.#drawPictures();
    this.#status.hidden = !open;
    if (open) this.#drawStatus();
    redraw(
      this.#answer,
      open ? null : [job.reply.buttons, job.reply.lines, job.error, job.images.length, this.#picked],
      () => (open ? [] : this.#answerParts()),
    );
  }

  /** The clock goes on between two events. */
  tick() {
    this.#eta.textContent = describeEta(this.#job.eta);
  }

  #drawStatus() {
    const { reply, state } = this.#job;
    const progress = reply.progress ?? { fraction: 0, label: state === 'queued' ? 'Waiting' : 'Starting' };
    const percent = Math.round(progress.fraction * 100);
    this.#label.textContent = progress.label;
    this.#bar.setAttribute('aria-valuenow', String(percent));
    this.#bar.setAttribute('aria-valuetext', `${progress.label}, ${percent} %`);
    this.#bar.style.setProperty('--done', String(progress.fraction));
    this.#bar.hidden = state === 'queued';
    this.tick();
    redraw(this.#waitingButtons, reply.buttons, () => [buttonRow(reply.buttons.flat(), this.#act)]);
  }

  #drawPictures() {
    const { request, reply, state } = this.#job;
    const images = reply.images;
    const running = state === 'running';
    const count = running ? request.n : images.length;
    const shape = request.width / request.height;
    this.#pictures.hidden = count === 0;
    this.#pictures.style.setProperty('--columns', String(columnsFor(count)));
    this.#pictures.style.setProperty(
      '--grid-width',
      gridWidth(count, (images[0]?.width ?? request.width) / (images[0]?.height ?? request.height)),
    );
    const covered = images.filter((image) => image.spoiler && !this.#uncovered.has(image.id)).map((image) => image.id);
    redraw(this.#pictures, [images, covered, running && count, reply.buttons, this.#picked], () => {
      const tiles = images.map((image, k) => this.#tile(image, k + 1, covered.includes(image.id)));
      const missing = running ? Math.max(0, count - images.length) : 0;
      for (let k = 0; k < missing; k++) tiles.push(comingTile(k === 0 ? 'coming' : 'waiting', shape));
      return tiles;
    });
    this.#drawPreview(running ? reply.preview : null);
  }

  /** The picture in the making develops in its own place. */
  #drawPreview(preview) {
    const tile = this.#pictures.querySelector('.coming');
    if (!tile || !preview) return;
    const img = tile.querySelector('img') ?? tile.appendChild(el('img', { alt: '' }));
    if (img.src !== preview) img.src = preview;
  }

  #tile(image, number, covered) {
    const { ofPicture } = sortButtons(this.#job.reply);
    const tile = pictureTile(image, {
      images: this.#job.reply.images,
      number,
      covered,
      title: this.#job.request.prompt,
      act: this.#act,
      buttonsOf: (id) => ofPicture.get(id) ?? [],
      onUncover: () => {
        this.#uncovered.add(image.id);
        this.update(this.#job);
      },
    });
    if (this.#picked === image.id && this.#job.reply.images.length > 1) tile.dataset.picked = '';
    return tile;
  }

  #answerParts() {
    const { reply, state } = this.#job;
    if (state === 'failed' || reply.tone === 'error')
      return [note({ ...reply, images: [], title: this.#titleBeyondPrompt() }, this.#act)];
    const { ofPicture, ofAnswer } = sortButtons(reply);
    const withButtons = [...ofPicture].filter(([, buttons]) => buttons.length > 0);
    const lines = reply.lines.filter((line) => line !== reply.title);
    return [
      lines.length > 0 &&
        el(
          'div',
          { class: 'lines' },
          lines.map((line) => el('p', { dir: 'auto' }, line)),
        ),
      reply.fields.length > 0 && note({ ...reply, title: '', lines: [], images: [], buttons: [] }, this.#act),
      ...(reply.images.length > 1 && withButtons.length > 0
        ? [this.#pictureActions(withButtons), buttonRow(ofAnswer, this.#act)]
        : [buttonRow(inOneRow(ofAnswer, withButtons[0]?.[1] ?? []), this.#act)]),
    ];
  }

  /** The prompt is above already. */
  #titleBeyondPrompt() {
    const { reply, request } = this.#job;
    return reply.title === request.prompt ? '' : reply.title;
  }

  /** The buttons of one picture at a time, with a switch between them. */
  #pictureActions(withButtons) {
    const current = withButtons.find(([id]) => id === this.#picked) ?? withButtons[0];
    const buttons = current[1].map((button) => replyButton(button, this.#act));
    return el('div', { class: 'buttons picture-actions' }, this.#picker(withButtons, current[0]), buttons);
  }

  #picker(withButtons, current) {
    const name = `picker-${++lastPicker}`;
    const order = this.#job.reply.images.map((image) => image.id);
    const choices = withButtons.map(([id]) => {
      const number = order.indexOf(id) + 1;
      const radio = el('input', {
        type: 'radio',
        name,
        'aria-label': `Picture ${number}`,
        'data-action': `pick:${id}`,
        checked: id === current,
      });
      radio.addEventListener('change', () => {
        this.#picked = id;
        this.update(this.#job);
      });
      return el('label', {}, radio, String(number));
    });
    return el('div', { class: 'picker', role: 'radiogroup', 'aria-label': 'Which picture' }, choices);
  }
}

/** With a single picture: what makes more first, what takes it away last. */
function inOneRow(ofAnswer, ofPicture) {
  const first = ofAnswer.filter((button) => button.style === 'primary');
  const last = ofAnswer.filter((button) => button.style !== 'primary');
  return [...first, ...ofPicture, ...last];
}
