export interface CompletionSources {
  readonly styles: () => readonly string[];
  readonly sizes: () => readonly { readonly width: number; readonly height: number }[];
  /** Earlier prompts of the person that hold this text, newest first. */
  readonly recent: (containing: string, limit: number) => readonly string[];
}

export interface Completion {
  readonly kind: 'command' | 'key' | 'value' | 'recent';
  readonly label: string;
  /** One line that explains it; empty where it explains itself. */
  readonly detail: string;
  /** Takes the place of the text from `from` to `to`, counted in UTF-16 units. */
  readonly insert: string;
  readonly from: number;
  readonly to: number;
}

const MAX_ITEMS = 8;
const MAX_RECENT = 4;

const KEYS: Readonly<Record<string, { readonly detail: string; readonly values: readonly string[] }>> = {
  size: { detail: 'width × height in pixels', values: [] },
  width: { detail: 'pixels', values: ['512', '768', '1024', '1536'] },
  height: { detail: 'pixels', values: ['512', '768', '1024', '1536'] },
  ar: { detail: 'shape of the picture', values: ['1:1', '2:3', '3:2', '16:9', '9:16'] },
  n: { detail: 'how many pictures, 1 to 10', values: ['1', '2', '4', '10'] },
  style: { detail: 'base, aesthetic, or a mix from 0 to 1', values: [] },
  seed: { detail: 'the same seed gives the same picture', values: [] },
  steps: { detail: 'equal steps of the first stage', values: ['10', '20', '30', '60'] },
  'decoder-steps': { detail: 'steps of the second stage', values: ['6', '12', '24'] },
  guidance: { detail: 'how closely to follow the prompt', values: ['1', '4', '7'] },
  'decoder-guidance': { detail: 'guidance of the second stage', values: ['0', '1'] },
  negative: { detail: 'what to keep out, in quotes', values: [] },
};

const COMMANDS: Readonly<Record<string, string>> = {
  help: 'what can be done here',
  history: 'your latest pictures',
  queue: 'who is waiting',
  show: 'bring a job back by its id',
  cancel: 'cancel a job by its id',
  settings: 'limits and rules of this room',
};

/** Suggestions for the word before the cursor; best first, at most eight. */
export function complete(text: string, cursor: number, sources: CompletionSources): Completion[] {
  const start = /^\s*\/wuerst\s+/i.exec(text)?.[0].length ?? 0;
  const before = text.slice(start, Math.max(cursor, start));
  const word = /\S*$/.exec(before)?.[0] ?? '';
  const from = start + before.length - word.length;
  const span = { from, to: start + before.length };

  const setting = /^(?:--)?([a-z-]+):(\S*)$/i.exec(word);
  if (setting) return values(setting[1] ?? '', setting[2] ?? '', sources, span.to);

  const isFirst = before.trimStart() === word;
  const typed = word.replace(/^--/, '').toLowerCase();
  const found: Completion[] = [];
  if (word !== '') {
    if (isFirst) found.push(...commands(typed, span));
    found.push(...keys(typed, span));
  }
  const needle = before.trim();
  if (needle === '' || needle.length >= 3) {
    for (const prompt of sources.recent(needle, MAX_RECENT)) {
      if (prompt !== needle)
        found.push({ kind: 'recent', label: prompt, detail: 'again', insert: prompt, from: start, to: text.length });
    }
  }
  return found.slice(0, MAX_ITEMS);
}

function commands(typed: string, span: { from: number; to: number }): Completion[] {
  return Object.entries(COMMANDS)
    .filter(([name]) => name.startsWith(typed) && name !== typed)
    .map(([name, detail]) => ({ kind: 'command', label: name, detail, insert: `${name} `, ...span }));
}

function keys(typed: string, span: { from: number; to: number }): Completion[] {
  return Object.entries(KEYS)
    .filter(([name]) => name.startsWith(typed))
    .map(([name, { detail }]) => ({ kind: 'key', label: `${name}:`, detail, insert: `${name}:`, ...span }));
}

function values(name: string, typed: string, sources: CompletionSources, to: number): Completion[] {
  const key = KEYS[name.toLowerCase()];
  if (!key) return [];
  const known: Readonly<Record<string, () => readonly string[]>> = {
    style: sources.styles,
    size: () => sources.sizes().map(({ width, height }) => `${width}x${height}`),
  };
  return (known[name.toLowerCase()]?.() ?? key.values)
    .filter((value) => value.startsWith(typed.toLowerCase()) && value !== typed)
    .slice(0, MAX_ITEMS)
    .map((value) => ({ kind: 'value', label: value, detail: '', insert: `${value} `, from: to - typed.length, to }));
}
