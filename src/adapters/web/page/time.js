import { decimal, pageLanguage, t } from './texts.js';

/** `8–14 s left`; `eta` and `now` in milliseconds of one clock. Empty without an estimate. */
export function timeLeft(eta, now) {
  if (!eta) return '';
  const from = Math.max(0, (eta.from - now) / 1000);
  const to = Math.max(0, (eta.to - now) / 1000);
  if (to < 1) return t('any moment now');
  if (to < 90) return range(Math.round(from), Math.ceil(to), SECONDS);
  if (to < 5400) return range(Math.round(from / 60), Math.ceil(to / 60), MINUTES);
  return range(Math.round(from / 3600), Math.ceil(to / 3600), HOURS);
}

function range(from, to, unit) {
  if (from >= to) return unit.about(to);
  return from < 1 ? unit.upTo(to) : unit.between(from, to);
}

const SECONDS = {
  about: (to) => t('about {to} s left', { to }),
  upTo: (to) => t('up to {to} s left', { to }),
  between: (from, to) => t('{from}–{to} s left', { from, to }),
};

const MINUTES = {
  about: (to) => t('about {to} min left', { to }),
  upTo: (to) => t('up to {to} min left', { to }),
  between: (from, to) => t('{from}–{to} min left', { from, to }),
};

const HOURS = {
  about: (to) => t('about {to} h left', { to }),
  upTo: (to) => t('up to {to} h left', { to }),
  between: (from, to) => t('{from}–{to} h left', { from, to }),
};

/** In the page's language, as the region of the browser writes it. */
const LOCALES = navigator.languages.filter((tag) => tag.split('-')[0] === pageLanguage().split('-')[0]);
const CLOCK = { hour: '2-digit', minute: '2-digit' };
const TODAY = new Intl.DateTimeFormat(LOCALES, CLOCK);
const OTHER_DAY = new Intl.DateTimeFormat(LOCALES, { day: 'numeric', month: 'short', ...CLOCK });

/** `14:05`, with the day before it unless that is today. */
export function clockTime(time) {
  const isToday = new Date(time).toDateString() === new Date().toDateString();
  return (isToday ? TODAY : OTHER_DAY).format(time);
}

/** `8.5 s`, `42 s`, `3 min`. */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return t('{seconds} s', { seconds: decimal(seconds, 1) });
  if (seconds < 120) return t('{seconds} s', { seconds: Math.round(seconds) });
  return t('{minutes} min', { minutes: Math.round(seconds / 60) });
}
