import { SUBCOMMANDS } from '../../../bot/command/subcommands.ts';
import type { Completion as Suggestion } from '../../../bot/core.ts';

export interface CompletionSources {
  /** Subcommands, settings and their values that may come next. */
  readonly grammar: (textBeforeCursor: string) => readonly Suggestion[];
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

/** Suggestions for the word before the cursor; best first, at most eight. */
export function complete(text: string, cursor: number, sources: CompletionSources): Completion[] {
  const start = /^\s*\/wuerst\s+/i.exec(text)?.[0].length ?? 0;
  const before = text.slice(0, Math.max(cursor, start));
  // After a space anything could follow: a list of everything would only be in the way.
  const isWord = /\S$/.test(before.slice(start));
  const found = isWord ? sources.grammar(before).map((one) => suggestion(one, before.length)) : [];
  const needle = before.slice(start).trim();
  if (found.some(({ kind }) => kind === 'value')) return found.slice(0, MAX_ITEMS);
  if (needle === '' || needle.length >= 3) {
    for (const prompt of sources.recent(needle, MAX_RECENT)) {
      if (prompt !== needle)
        found.push({ kind: 'recent', label: prompt, detail: 'again', insert: prompt, from: start, to: text.length });
    }
  }
  return found.slice(0, MAX_ITEMS);
}

function suggestion({ insert, from, label, description }: Suggestion, to: number): Completion {
  const place = { label, from, to };
  if (Object.hasOwn(SUBCOMMANDS, insert.trim())) return { kind: 'command', detail: description, insert, ...place };
  if (/[: ]$/.test(insert)) return { kind: 'key', detail: description, insert, ...place };
  return { kind: 'value', detail: '', insert: `${insert} `, ...place };
}
