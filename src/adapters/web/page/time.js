/** `8–14 s left`, from two moments in milliseconds; empty when nothing is known. */
export function describeEta(eta, now = Date.now()) {
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

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export function describeTime(time, now = Date.now()) {
  const sameDay = new Date(time).toDateString() === new Date(now).toDateString();
  return (sameDay ? CLOCK : DAY).format(time);
}

export function describeSpan(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
