import { adminApi } from './admin-api.js';
import { askChecked } from './admin-forms.js';
import { actButton, adminPart, byteSize, table } from './admin-parts.js';
import { askConfirmation, sheet } from './dialogs.js';
import { el } from './dom.js';

const TEXT = {
  title: 'Models',
  intro:
    'The checkpoints on this machine, as “wuerst models” shows them. Another one is used from the next start of the bot on.',
  caption: 'Checkpoints on this machine',
  heads: ['Model', 'State', 'Size', 'Styles', 'Licence', ''],
  states: { ready: 'ready', absent: 'not here' },
  partial: (n) => `${n} ${n === 1 ? 'file is' : 'files are'} missing`,
  inUse: 'in use',
  pull: 'Fetch',
  pullThis: (name) => `Fetch ${name}`,
  pullTitle: (name) => `Fetch ${name}?`,
  pullIntro: (free) => `It is fetched from the Hugging Face hub, and goes on where it was cut. ${free} are free.`,
  styles: 'Style',
  styleNames: { base: 'base', aesthetic: 'aesthetic', interpolated: 'interpolated: the mean of both' },
  fp16: 'In 16 bits, where the hub has it',
  pictures: 'Also what it takes to start from pictures',
  verify: 'Check',
  verifyThis: (name) => `Check ${name}: read every file again`,
  use: 'Use',
  useThis: (name) => `Use ${name} from the next start on`,
  used: (name) => `${name} is used from the next start on.`,
  files: 'Hashes',
  filesThis: (name) => `Hashes of the files of ${name}`,
  filesTitle: (name) => `Files of ${name}`,
  noFiles: 'It came with the program, or was put here by hand: no list says what its files should be.',
  remove: 'Remove',
  removeThis: (name) => `Remove ${name}`,
  really: (name, size) => `Remove ${name}? ${size} are deleted from this disk.`,
  stop: 'Stop',
  doing: { pull: (name) => `Fetching ${name}`, verify: (name) => `Checking ${name}` },
  ended: {
    pull: {
      done: (name) => `${name} is here.`,
      failed: (name) => `${name} could not be fetched.`,
      stopped: (name) => `Fetching ${name} was stopped.`,
    },
    verify: {
      done: (name) => `${name} was checked.`,
      failed: (name) => `${name} could not be checked.`,
      stopped: (name) => `Checking ${name} was stopped.`,
    },
  },
  allWell: 'Every file is what it should be.',
  unlisted: (n) => `${n} ${n === 1 ? 'file is' : 'files are'} readable, but no list says what its bytes should be.`,
  bad: (n) => `${n} bad ${n === 1 ? 'file' : 'files'}:`,
  of: (done, all) => `${byteSize(done)} of ${byteSize(all)}`,
  progress: 'Progress',
};

const FOLLOW_MS = 700;

/** The models of this machine; what takes long is followed while it is shown. */
export function modelsPart(host) {
  const query = () => ({ user: host.user() });
  let timer = 0;
  let ranBefore = false;
  const progress = el('div', { class: 'admin-task', role: 'status', hidden: true });
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    above: progress,
    read: async () => {
      const { models, task, free } = await adminApi.get('models', query());
      follow(task);
      return [
        table(
          TEXT.caption,
          TEXT.heads,
          models.map((model) => modelRow(model, task, free)),
        ),
      ];
    },
  });
  const begin = (body, said) => part.run(() => adminApi.post('models', query(), body), said);

  function follow(task) {
    clearTimeout(timer);
    const isRunning = task?.state === 'running';
    progress.hidden = task === null;
    if (task) drawTask(progress, task, () => part.run(() => adminApi.remove('model-task', query())));
    if (isRunning) timer = setTimeout(look, FOLLOW_MS);
    ranBefore = isRunning;
  }

  /** Only what moves is drawn anew. */
  async function look() {
    const before = ranBefore;
    const { task } = await adminApi.get('models', query()).catch(() => ({ task: null }));
    if (before && task?.state !== 'running') await part.reload();
    else if (task) follow(task);
  }

  function modelRow({ name, state, missing, bytes, styles, license, inUse, source, purpose }, task, free) {
    const isFree = task?.state !== 'running';
    const buttons = [
      source === 'hub' &&
        isFree &&
        actButton(TEXT.pull, { spoken: TEXT.pullThis(name), onclick: () => pull(name, free) }),
      state !== 'absent' &&
        isFree &&
        actButton(TEXT.verify, { spoken: TEXT.verifyThis(name), onclick: () => begin({ do: 'verify', model: name }) }),
      state !== 'absent' && actButton(TEXT.files, { spoken: TEXT.filesThis(name), onclick: () => showFiles(name) }),
      state === 'ready' &&
        !inUse &&
        actButton(TEXT.use, {
          spoken: TEXT.useThis(name),
          onclick: () => begin({ do: 'use', model: name }, TEXT.used(name)),
        }),
      source !== 'embedded' &&
        state !== 'absent' &&
        !inUse &&
        actButton(TEXT.remove, { spoken: TEXT.removeThis(name), danger: true, onclick: () => remove(name, bytes) }),
    ];
    return [
      [
        el('strong', {}, name),
        inUse && el('span', { class: 'tag' }, TEXT.inUse),
        el('p', { class: 'admin-about' }, purpose),
      ].filter(Boolean),
      state === 'partial' ? TEXT.partial(missing.length) : TEXT.states[state],
      bytes > 0 ? byteSize(bytes) : '–',
      styles.join(', ') || '–',
      license,
      el('div', { class: 'buttons' }, buttons.filter(Boolean)),
    ];
  }

  async function pull(name, free) {
    const choices = [
      ...Object.entries(TEXT.styleNames).map(([value, label]) => ({ value, label, checked: value === 'interpolated' })),
      { value: 'fp16', label: TEXT.fp16 },
      { value: 'pictures', label: TEXT.pictures },
    ];
    const chosen = await askChecked({
      title: TEXT.pullTitle(name),
      intro: TEXT.pullIntro(byteSize(free)),
      ok: TEXT.pull,
      choices,
    });
    if (chosen === null) return;
    const styles = Object.keys(TEXT.styleNames).filter((style) => chosen.includes(style));
    await begin({
      ...{ do: 'pull', model: name, pictures: chosen.includes('pictures') },
      ...(styles.length > 0 ? { styles } : {}),
      ...(chosen.includes('fp16') ? { variant: 'fp16' } : {}),
    });
  }

  async function showFiles(name) {
    const { files } = await adminApi.get(`models/${name}`, query());
    const list = el('ul', { class: 'admin-files', tabindex: '0' }, files.map(fileRow));
    await sheet({
      title: TEXT.filesTitle(name),
      intro: files.length === 0 ? TEXT.noFiles : undefined,
      body: files.length === 0 ? null : list,
    });
  }

  async function remove(name, bytes) {
    if (!(await askConfirmation(TEXT.really(name, byteSize(bytes)), TEXT.remove, true))) return;
    await part.run(() => adminApi.remove(`models/${name}`, query()));
  }

  part.reload();
  return { ...part, close: () => clearTimeout(timer) };
}

function fileRow({ path, size, sha256 }) {
  return el('li', {}, el('span', {}, `${path}, ${byteSize(size)}`), el('code', {}, sha256));
}

function drawTask(element, { kind, model, state, path, done, bytes, findings, problem }, stop) {
  if (state === 'running') {
    const bar = el(
      'div',
      { class: 'bar', role: 'progressbar', 'aria-label': TEXT.progress, 'aria-valuemin': '0', 'aria-valuemax': '100' },
      el('div', { class: 'bar-fill' }),
    );
    const fraction = bytes > 0 ? done / bytes : 0;
    bar.style.setProperty('--done', String(fraction));
    if (bytes > 0) bar.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
    element.replaceChildren(
      el('strong', {}, TEXT.doing[kind](model)),
      el('span', { class: 'admin-note one-line' }, path),
      bytes > 0 ? el('span', { class: 'admin-note' }, TEXT.of(done, bytes)) : '',
      actButton(TEXT.stop, { onclick: stop }),
      bytes > 0 ? bar : '',
    );
    return;
  }
  const bad = findings.filter((finding) => !['ok', 'unlisted'].includes(finding.state));
  const unlisted = findings.filter((finding) => finding.state === 'unlisted').length;
  const well = kind === 'verify' && state === 'done' && bad.length === 0;
  element.replaceChildren(
    el('strong', {}, TEXT.ended[kind][state](model)),
    ...[
      problem !== null && el('span', { class: 'problem' }, problem),
      well && el('span', { class: 'admin-note' }, unlisted > 0 ? TEXT.unlisted(unlisted) : TEXT.allWell),
      bad.length > 0 && el('span', { class: 'problem' }, TEXT.bad(bad.length)),
      bad.length > 0 &&
        el(
          'ul',
          { class: 'admin-files' },
          bad.map((finding) =>
            el('li', {}, `${finding.path}: ${finding.state}${finding.detail ? `, ${finding.detail}` : ''}`),
          ),
        ),
    ].filter(Boolean),
  );
}
