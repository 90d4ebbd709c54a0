/** `8–14 s left`; `eta` and `now` in milliseconds of one clock. Empty without an estimate. */
export function timeLeft(eta, now) {
  if (!eta) return '';
  const from = Math.max(0, (eta.from - now) / 1000);
  const to = Math.max(0, (eta.to - now) / 1000);
  if (to < 1) return 'any moment now';
  if (to < 90) return range(Math.round(from), Math.ceil(to), 's');
  if (to < 5400) return range(Math.round(from / 60), Math.ceil(to / 60), 'min');
  return range(Math.round(from / 3600), Math.ceil(to / 3600), 'h');
}

function range(from, to, unit) {
  if (from >= to) return `about ${to} ${unit} left`;
  if (from < 1) return `up to ${to} ${unit} left`;
  return `${from}–${to} ${unit} left`;
}

const CLOCK = { hour: '2-digit', minute: '2-digit' };
const TODAY = new Intl.DateTimeFormat(undefined, CLOCK);
const OTHER_DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', ...CLOCK });

/** `14:05`, with the day before it unless that is today. */
export function clockTime(time) {
  const isToday = new Date(time).toDateString() === new Date().toDateString();
  return (isToday ? TODAY : OTHER_DAY).format(time);
}

/** `8.5 s`, `42 s`, `3 min`. */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
