import { adminApi } from './admin-api.js';
import { latestChanges } from './admin-changes.js';
import { classifierParts, SAFETY } from './admin-classifier.js';
import { askChecked } from './admin-forms.js';
import { actButton, adminPart, byteSize, table } from './admin-parts.js';
import { askConfirmation, sheet, showLoaded } from './dialogs.js';
import { el } from './dom.js';
import { t } from './texts.js';

const TEXT = {
  title: t('Models'),
  intro: t(
    'The checkpoints on this machine, as “wuerst models” shows them. Another one is used from the next start of the bot on.',
  ),
  caption: t('Checkpoints on this machine'),
  heads: [t('Model'), t('State'), t('Size'), t('Styles'), t('Licence'), ''],
  states: { ready: t('ready'), absent: t('not here') },
  partial: (count) => t('{count} file is missing | {count} files are missing', { count }),
  inUse: t('in use'),
  pull: t('Fetch'),
  pullThis: (name) => t('Fetch {name}', { name }),
  pullTitle: (name) => t('Fetch {name}?', { name }),
  pullIntro: (free) =>
    t('It is fetched from the Hugging Face hub, and goes on where it was cut. {free} are free.', { free }),
  styles: t('Style'),
  styleNames: {
    base: `base`,
    aesthetic: `aesthetic`,
    interpolated: t('{style}: the mean of both', { style: `interpolated` }),
  },
  fp16: t('In 16 bits, where the hub has it'),
  pictures: t('Also what it takes to start from pictures'),
  verify: t('Check'),
  verifyThis: (name) => t('Check {name}: read every file again', { name }),
  use: t('Use'),
  useThis: (name) => t('Use {name} from the next start on', { name }),
  used: (name) => t('{name} is used from the next start on.', { name }),
  files: t('Hashes'),
  filesThis: (name) => t('Hashes of the files of {name}', { name }),
  filesTitle: (name) => t('Files of {name}', { name }),
  noFiles: t('It came with the program, or was put here by hand: no list says what its files should be.'),
  remove: t('Remove'),
  removeThis: (name) => t('Remove {name}', { name }),
  really: (name, size) => t('Remove {name}? {size} are deleted from this disk.', { name, size }),
  stop: t('Stop'),
  doing: { pull: (name) => t('Fetching {name}', { name }), verify: (name) => t('Checking {name}', { name }) },
  ended: {
    pull: {
      done: (name) => t('{name} is here.', { name }),
      failed: (name) => t('{name} could not be fetched.', { name }),
      stopped: (name) => t('Fetching {name} was stopped.', { name }),
    },
    verify: {
      done: (name) => t('{name} was checked.', { name }),
      failed: (name) => t('{name} could not be checked.', { name }),
      stopped: (name) => t('Checking {name} was stopped.', { name }),
    },
  },
  allWell: t('Every file is what it should be.'),
  unlisted: (count) =>
    t(
      '{count} file is readable, but no list says what its bytes should be. | {count} files are readable, but no list says what their bytes should be.',
      { count },
    ),
  bad: (count) => t('{count} bad file: | {count} bad files:', { count }),
  of: (done, all) => t('{done} of {all}', { done: byteSize(done), all: byteSize(all) }),
  progress: t('Progress'),
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
      const { models, classifier, task, free } = await adminApi.get('models', query());
      follow(task);
      return [
        table(
          TEXT.caption,
          TEXT.heads,
          models.map((model) => modelRow(model, task, free)),
        ),
        ...classifierParts(classifier, {
          isFree: task?.state !== 'running',
          begin: (what) => begin({ do: what, model: SAFETY }),
          remove: () => remove(SAFETY, classifier.bytes),
        }),
        await latestChanges(host, 'models'),
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
    const load = () => adminApi.get(`models/${name}`, query());
    await showLoaded(load, ({ files }) =>
      sheet({
        title: TEXT.filesTitle(name),
        intro: files.length === 0 ? TEXT.noFiles : undefined,
        body: files.length === 0 ? null : el('ul', { class: 'admin-files', tabindex: '0' }, files.map(fileRow)),
      }),
    );
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
