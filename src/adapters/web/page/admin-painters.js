import { adminApi } from './admin-api.js';
import { latestChanges } from './admin-changes.js';
import { actButton, adminPart, table } from './admin-parts.js';
import { askConfirmation } from './dialogs.js';
import { el } from './dom.js';
import { t } from './texts.js';
import { duration } from './time.js';

const TEXT = {
  title: t('Painters'),
  intro: t('Who paints, and how long a picture of 1024 × 1024 in the usual steps takes there.'),
  pool: t('The pool'),
  poolHeads: [t('Name'), t('State'), t('Computes on'), t('Styles'), t('A picture'), t('Paints')],
  states: { busy: t('paints'), ready: t('ready'), away: t('not ready') },
  nobody: t('Nobody is ready to paint: requests wait until a painter is.'),
  unmeasured: t('not measured yet'),
  workers: t('Workers on other machines'),
  workersOff: t('This bot paints alone. With WUERST_REDIS other machines can paint for it: see docs/workers.md.'),
  workerHeads: [
    t('Name'),
    t('State'),
    t('There for'),
    t('Computes on'),
    t('Paints'),
    t('A step'),
    t('Done, lost'),
    t('Last error'),
    '',
  ],
  workerStates: { accepted: t('accepted'), draining: t('is drained'), released: t('drained'), refused: t('refused') },
  waits: t('waits for the bot'),
  nothing: t('nothing'),
  drain: t('Drain'),
  drainThis: (name) => t('Drain {name}: it finishes its job and stops', { name }),
  ban: t('Ban'),
  banThis: (name) => t('Ban {name}', { name }),
  reallyBan: (name) => t('Ban {name}? What it paints is given to another painter at once.', { name }),
  admit: t('Admit'),
  admitThis: (name) => t('Admit {name} again', { name }),
  ordered: { drain: t('is to be drained'), ban: t('banned') },
  gone: t('Ordered, and not here now'),
  ms: (seconds) => `${Math.round(seconds * 1000)} ms`,
};

const REFRESH_MS = 5000;

/** The pool and the workers; it follows them while it is shown. */
export function paintersPart(host) {
  const query = () => ({ user: host.user() });
  const part = adminPart({
    ...{ title: TEXT.title, intro: TEXT.intro },
    read: async () => {
      const { painters, workers, orders, now } = await adminApi.get('painters', query());
      return [
        !painters.some(({ ready }) => ready) && el('p', { class: 'problem' }, TEXT.nobody),
        table(TEXT.pool, TEXT.poolHeads, painters.map(poolRow)),
        el('h3', { class: 'admin-subtitle' }, TEXT.workers),
        ...(workers === null
          ? [el('p', { class: 'admin-note' }, TEXT.workersOff)]
          : workersParts(workers, orders, now, order)),
        await latestChanges(host, 'painters'),
      ];
    },
  });
  const order = (name, what) => part.run(() => adminApi.post('workers', query(), { name, order: what }));
  const timer = setInterval(() => document.visibilityState === 'visible' && part.reload(), REFRESH_MS);
  part.reload();
  return { ...part, close: () => clearInterval(timer) };
}

function poolRow({ name, ready, busy, provider, hardware, styles, secondsPerPicture, paints }) {
  return [
    el('bdi', {}, name),
    TEXT.states[ready ? (busy ? 'busy' : 'ready') : 'away'],
    [provider, hardware].filter(Boolean).join(', ') || '–',
    styles.join(', ') || '–',
    secondsPerPicture === null ? TEXT.unmeasured : duration(secondsPerPicture * 1000),
    paints.length === 0 ? TEXT.nothing : el('bdi', { class: 'admin-prompt' }, paints.join(' · ')),
  ];
}

function workersParts(workers, orders, now, order) {
  const rows = workers.map((worker) => workerRow(worker, orders[worker.name], now, order));
  const here = new Set(workers.map(({ name }) => name));
  const gone = Object.entries(orders).filter(([name]) => !here.has(name));
  return [
    table(TEXT.workers, TEXT.workerHeads, rows),
    gone.length > 0 && el('h4', { class: 'admin-subtitle' }, TEXT.gone),
    gone.length > 0 &&
      el(
        'ul',
        { class: 'admin-list' },
        gone.map(([name, what]) =>
          el('li', {}, el('bdi', {}, name), ` ${TEXT.ordered[what]} `, admitButton(name, order)),
        ),
      ),
  ];
}

function workerRow(worker, ordered, now, order) {
  const { name, state, reason, since, provider, hardware, paints, steps, painted, lost, lastError } = worker;
  const said = state === null ? TEXT.waits : TEXT.workerStates[state];
  const times = Object.entries(steps).map(([stage, seconds]) => `${stage} ${TEXT.ms(seconds)}`);
  return [
    el('bdi', {}, name),
    ordered === undefined ? said : `${said}, ${TEXT.ordered[ordered]}`,
    since === null ? '–' : duration(Math.max(0, now - since)),
    [provider, hardware].filter(Boolean).join(', ') || '–',
    paints ?? TEXT.nothing,
    times.join(', ') || '–',
    `${painted}, ${lost}`,
    reason ?? lastError ?? '–',
    el('div', { class: 'buttons' }, ordersFor(name, ordered, order)),
  ];
}

function ordersFor(name, ordered, order) {
  const ban = actButton(TEXT.ban, {
    ...{ spoken: TEXT.banThis(name), danger: true },
    onclick: async () => (await askConfirmation(TEXT.reallyBan(name), TEXT.ban, true)) && order(name, 'ban'),
  });
  if (ordered !== undefined) return [admitButton(name, order), ordered === 'drain' && ban].filter(Boolean);
  const drain = actButton(TEXT.drain, { spoken: TEXT.drainThis(name), onclick: () => order(name, 'drain') });
  return [drain, ban];
}

function admitButton(name, order) {
  return actButton(TEXT.admit, { spoken: TEXT.admitThis(name), onclick: () => order(name, 'admit') });
}
