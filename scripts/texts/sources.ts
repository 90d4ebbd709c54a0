import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { type CallExpression, type Node, parse, type TemplateLiteral } from 'acorn';
import { ancestor } from 'acorn-walk';
import { transformSync } from 'esbuild';

interface Found {
  /** Sorted, each once. */
  readonly sources: readonly string[];
  /** Texts that no translator would see, or that would be read before the reader is known; each with its file. */
  readonly problems: readonly string[];
}

/** Their texts stand in `{{…}}`. */
const MARKED = ['.html', '.webmanifest'];

/** Every text given to `t` or `translatable` below a folder, and those in `{{…}}` of the page. */
export function sourcesIn(folder: string): Found {
  const sources = new Set<string>();
  const problems: string[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const extension = extname(name);
    if (![...MARKED, '.ts', '.js'].includes(extension) || name.endsWith('.d.ts')) continue;
    const text = readFileSync(join(folder, name), 'utf8');
    if (MARKED.includes(extension)) {
      for (const [, source = ''] of text.matchAll(/\{\{(.+?)\}\}/g)) sources.add(source);
    } else if (/\b(?:t|translatable)\(/.test(text)) {
      const { code } = transformSync(text, { loader: 'ts', target: 'es2022' });
      const isPage = extension === '.js';
      for (const { source, problem } of callsIn(code, isPage)) {
        if (source !== undefined) sources.add(source);
        if (problem !== undefined) problems.push(`${name}: ${problem}`);
      }
    }
  }
  return { sources: [...sources].sort(), problems };
}

interface Call {
  readonly source?: string;
  readonly problem?: string;
}

/** @param isPage the page has one reader, who is known before its modules run */
function callsIn(code: string, isPage: boolean): readonly Call[] {
  const calls: Call[] = [];
  ancestor(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), {
    CallExpression(node: CallExpression, _state: unknown, ancestors: Node[]) {
      const { callee, arguments: given } = node;
      if (callee.type !== 'Identifier' || !['t', 'translatable'].includes(callee.name)) return;
      const written = code.slice(node.start, node.end).slice(0, 120);
      const source = literal(given[0]);
      const early = callee.name === 't' && !isPage && !ancestors.some(({ type }) => type.includes('Function'));
      if (early)
        calls.push({
          problem: `${written} is read before anybody is known; use translatable here, t where it is shown.`,
        });
      else if (source !== undefined) calls.push({ source });
      else if (callee.name === 'translatable' || given[0] === undefined || isComposed(given[0])) {
        calls.push({ problem: `${written} must have one literal, with values in braces.` });
      }
    },
  });
  return calls;
}

function literal(node: Node | undefined): string | undefined {
  if (node?.type === 'Literal' && 'value' in node && typeof node.value === 'string') return node.value;
  // As esbuild writes a text with an apostrophe.
  if (node?.type === 'TemplateLiteral') {
    const { quasis } = node as TemplateLiteral;
    return quasis.length === 1 ? (quasis[0]?.value.cooked ?? undefined) : undefined;
  }
  return undefined;
}

function isComposed({ type }: Node): boolean {
  return type === 'TemplateLiteral' || type === 'BinaryExpression';
}
