import { isSubcommandName } from '../../../../bot/command/subcommands.ts';
import type { Completion } from '../../../../bot/core.ts';
import type { Caller } from '../../../../bot/job.ts';
import { helpTopics, writing } from '../../../../bot/replies/help-reply.ts';
import { t } from '../../../../texts/translate.ts';
import type { Core } from '../../../adapter.ts';
import { parseRoom } from '../names.ts';
import { callerOf, route, type WebApp, type WebContext } from '../web-context.ts';

const MAX_TEXT = 4000;
const MAX_ITEMS = 8;
const MAX_RECENT = 4;
const MAX_RECENT_OF_ALL = 20;
/** A text after which any setting may follow. */
const SOME_PROMPT = 'x ';

export interface JsonCompletion {
  readonly kind: 'command' | 'key' | 'value' | 'recent';
  readonly label: string;
  /** An explanation of one line; may be empty. */
  readonly detail: string;
  /** Replaces the text from `from` to `to`, counted in UTF-16 units. */
  readonly insert: string;
  readonly from: number;
  readonly to: number;
}

/**
 * `GET /api/complete?text=…&cursor=…&room=…&user=…`: suggestions for the word before the cursor.
 * `GET /api/everything?room=…&user=…`: all commands, all settings and the latest prompts.
 * `GET /api/help?room=…&user=…`: the same commands and settings, explained.
 */
export function completionRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/complete', {
    GET: (c) => {
      const caller = callerOf(web, c, c.req.query('user'), parseRoom(c.req.query('room')));
      const text = (c.req.query('text') ?? '').slice(0, MAX_TEXT);
      const cursor = Math.min(Number.parseInt(c.req.query('cursor') ?? '', 10) || text.length, text.length);
      return c.json({ items: complete(web.core, caller, text, cursor) });
    },
  });
  route(app, '/api/everything', {
    GET: (c) => {
      const caller = callerOf(web, c, c.req.query('user'), parseRoom(c.req.query('room')));
      return c.json({ items: everything(web.core, caller) });
    },
  });
  route(app, '/api/help', {
    GET: (c) => {
      const caller = callerOf(web, c, c.req.query('user'), parseRoom(c.req.query('room')));
      return c.json({ writing: writing(), topics: helpTopics(web.core.limits(caller)) });
    },
  });
}

/** What can be typed. */
function everything(core: Core, caller: Caller): JsonCompletion[] {
  const place = { from: 0, to: 0 };
  const grammar = ['', SOME_PROMPT].flatMap((text) => core.completions(text, caller));
  const recent = core.recentPrompts(caller, '', MAX_RECENT_OF_ALL);
  return [
    ...grammar.map((completion) => ({ ...completionJson(completion, 0), ...place })),
    ...recent.map(
      ({ prompt }) => ({ kind: 'recent', label: prompt, detail: t('again'), insert: prompt, ...place }) as const,
    ),
  ];
}

/** Best first. */
function complete(core: Core, caller: Caller, text: string, cursor: number): JsonCompletion[] {
  const start = /^\s*\/wuerst\s+/i.exec(text)?.[0].length ?? 0;
  const before = text.slice(0, Math.max(cursor, start));
  const typed = before.slice(start);
  // After a space anything could follow, and a list of everything would only be in the way.
  const grammar = /\S$/.test(typed) ? core.completions(before, caller) : [];
  const found = grammar.map((completion) => completionJson(completion, before.length));
  const needle = typed.trim();
  const wantsRecent = !found.some(({ kind }) => kind === 'value') && (needle === '' || needle.length >= 3);
  const recent = wantsRecent ? core.recentPrompts(caller, needle, MAX_RECENT) : [];
  const again = { kind: 'recent', detail: t('again'), from: start, to: text.length } as const;
  const prompts = recent.filter(({ prompt }) => prompt !== needle);
  return [...found, ...prompts.map(({ prompt }) => ({ ...again, label: prompt, insert: prompt }))].slice(0, MAX_ITEMS);
}

function completionJson({ insert, from, label, description }: Completion, to: number): JsonCompletion {
  const place = { label, from, to };
  if (isSubcommandName(insert.trim())) return { kind: 'command', detail: description, insert, ...place };
  if (/[: ]$/.test(insert)) return { kind: 'key', detail: description, insert, ...place };
  return { kind: 'value', detail: '', insert: `${insert} `, ...place };
}
