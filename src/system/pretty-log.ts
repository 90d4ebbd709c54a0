import { styleText } from 'node:util';
import { printable, printableLine } from './printable.ts';

type Style = Parameters<typeof styleText>[0];

const LEVELS: Readonly<Record<number, readonly [name: string, style: Style]>> = {
  10: ['TRACE', 'gray'],
  20: ['DEBUG', 'gray'],
  30: ['INFO ', 'green'],
  40: ['WARN ', 'yellow'],
  50: ['ERROR', 'red'],
  60: ['FATAL', 'red'],
};

/** A line of pino's JSON for people: time, level, message, the fields as `name=value`, and the stack of an error below. */
export function prettyLine(json: string, colours: boolean): string {
  const entry = parsed(json);
  if (entry === undefined) return `${printableLine(json)}\n`;
  const { level, time, msg, pid, hostname, err, ...fields } = entry;
  const [name, style] = LEVELS[Number(level)] ?? [printableLine(String(level)), 'gray'];
  const paint = (as: Style, text: string) => (colours ? styleText(as, text, { validateStream: false }) : text);
  const told = Object.entries(fields).map(([key, value]) => `${printableLine(key)}=${textOf(value)}`);
  const head = [paint('gray', clockTime(time)), paint(style, name), printableLine(String(msg ?? ''))];
  const line = [...head, ...(told.length > 0 ? [paint('gray', told.join(' '))] : [])].join(' ').trimEnd();
  const below = errorOf(err).map((text) => `\n    ${paint('gray', text)}`);
  return `${line}${below.join('')}\n`;
}

function parsed(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const entry: unknown = JSON.parse(json);
    return typeof entry === 'object' && entry !== null ? { ...entry } : undefined;
  } catch {
    return undefined;
  }
}

/** Of this machine's clock. */
function clockTime(ms: unknown): string {
  const at = new Date(Number(ms));
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

function textOf(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^\s"]+$/.test(value);
  return printableLine(isPlain ? value : (JSON.stringify(value) ?? ''));
}

/** The lines of an error's stack and what else it carries. Foreign text in them cannot begin a line of the log. */
function errorOf(err: unknown): string[] {
  if (err === undefined) return [];
  if (typeof err !== 'object' || err === null) return [textOf(err)];
  const { stack, message, type, ...others } = { stack: undefined, message: undefined, type: undefined, ...err };
  const lines = printable(String(stack ?? message ?? type ?? '')).split('\n');
  const more = Object.keys(others).length > 0 ? [textOf(others)] : [];
  return [...lines.map((line) => printableLine(line)), ...more];
}
