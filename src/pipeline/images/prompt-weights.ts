/** A stretch of a prompt, and how much its words count; 1 is as usual. */
export interface WeightedText {
  readonly text: string;
  readonly weight: number;
}

const ROUND = 1.1;
const SQUARE = 1 / 1.1;
const TOKENS = /\\[()[\]\\]|\\|\(|\[|:\s*[+-]?[.\d]+\s*\)|\)|\]|[^\\()[\]:]+|:/g;
const BRACKETS = /[()[\]]/;

/**
 * Reads the weights of a prompt in the grammar of A1111's web UI: `(word:1.3)`, `(word)` for 1.1, `[word]` for 1/1.1,
 * nested, `\(` for a bracket that is text. Unlike there, `[a|b]` is text, since nothing is painted in turns here.
 * Neighbours of one weight are one stretch.
 *
 * @returns at least one stretch
 * @see https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/master/modules/prompt_parser.py parse_prompt_attention
 */
export function promptWeights(prompt: string): WeightedText[] {
  const stretches: { text: string; weight: number }[] = [];
  const open: Record<'(' | '[', number[]> = { '(': [], '[': [] };
  const multiply = (from: number, factor: number) => {
    for (const stretch of stretches.slice(from)) stretch.weight *= factor;
  };
  const alternations = alternationsIn(prompt);
  for (const { 0: token, index } of prompt.matchAll(TOKENS)) {
    const weight = readWeight(token);
    if (token.startsWith('\\')) stretches.push({ text: token.slice(1), weight: 1 });
    else if (alternations.has(index)) stretches.push({ text: token, weight: 1 });
    else if (token === '(' || token === '[') open[token].push(stretches.length);
    else if (weight !== undefined && open['('].length > 0) multiply(open['('].pop() ?? 0, weight);
    else if (token === ')' && open['('].length > 0) multiply(open['('].pop() ?? 0, ROUND);
    else if (token === ']' && open['['].length > 0) multiply(open['['].pop() ?? 0, SQUARE);
    else stretches.push({ text: token, weight: 1 });
  }
  for (const from of open['(']) multiply(from, ROUND);
  for (const from of open['[']) multiply(from, SQUARE);
  return merged(stretches);
}

/** `:1.3)` closes a bracket with a weight. */
function readWeight(token: string): number | undefined {
  const digits = /^:\s*([+-]?[.\d]+)\s*\)$/.exec(token)?.[1];
  const weight = digits === undefined ? Number.NaN : Number(digits);
  return Number.isFinite(weight) ? weight : undefined;
}

function merged(stretches: readonly WeightedText[]): WeightedText[] {
  const result: { text: string; weight: number }[] = [];
  for (const { text, weight } of stretches) {
    const last = result.at(-1);
    if (last?.weight === weight) last.text += text;
    else result.push({ text, weight });
  }
  return result.length > 0 ? result : [{ text: '', weight: 1 }];
}

/** Where the brackets of `[a|b]` stand: those with a bar of their own between them. */
export function alternationsIn(prompt: string): ReadonlySet<number> {
  const found = new Set<number>();
  const open: { readonly at: number; bar: boolean }[] = [];
  for (const { 0: token, index } of prompt.matchAll(/\\.|[[\]|]/gs)) {
    const top = open.at(-1);
    if (token === '[') open.push({ at: index, bar: false });
    else if (token === '|' && top) top.bar = true;
    else if (token === ']' && top) {
      open.pop();
      if (top.bar) found.add(top.at).add(index);
    }
  }
  return found;
}

/** Where the colons of weights stand: `:1.3)` behind an open bracket. */
export function weightColonsIn(prompt: string): ReadonlySet<number> {
  const found = new Set<number>();
  let open = 0;
  for (const { 0: token, index } of prompt.matchAll(TOKENS)) {
    if (token === '(') open += 1;
    else if (open > 0 && readWeight(token) !== undefined) {
      open -= 1;
      found.add(index);
    } else if (token === ')' && open > 0) open -= 1;
  }
  return found;
}

/** Whether any word of a prompt counts more or less than usual. */
export function hasWeights(prompt: string): boolean {
  return BRACKETS.test(prompt) && promptWeights(prompt).some(({ text, weight }) => weight !== 1 && text !== '');
}

/** What the model reads of a prompt with weights: its words without brackets, numbers and backslashes. */
export function weightlessText(prompt: string): string {
  if (!BRACKETS.test(prompt)) return prompt;
  return promptWeights(prompt)
    .map(({ text }) => text)
    .join('');
}

/** A text as a prompt with weights that has none; what `weightlessText` gives back. */
export function withoutWeights(text: string): string {
  return BRACKETS.test(text) ? text.replace(/[()[\]\\]/g, '\\$&') : text;
}
