import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withoutMark } from '../../system/byte-order-mark.ts';
import { OperatorError, type OperatorText } from '../../system/errors.ts';
import { reasonOf } from '../../system/foreign-words.ts';
import { t } from '../../texts/translate.ts';
import { isLfsPointer, lfsPointerError } from '../checkpoint/lfs-pointer.ts';

/** A token that is found in the prompt before (or, if `normalized`, after) the text is normalised. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
  /** Counts only where no letter, digit or underscore is next to it. */
  readonly singleWord: boolean;
}

/** What a CLIP tokenizer is made of, whichever files it came in. */
export interface TokenizerParts {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly string[] | readonly (readonly [string, string])[];
  readonly addedTokens: readonly AddedToken[];
  readonly special: Readonly<Record<SpecialName, AddedToken>>;
  /** In tokens, start and end included. */
  readonly maxLength: number;
}

type SpecialName = (typeof SPECIAL_NAMES)[number];
type Json = Record<string, unknown>;

const SPECIAL_NAMES = ['bos_token', 'eos_token', 'unk_token', 'pad_token'] as const;
const END_OF_TEXT = '<|endoftext|>';
/** The defaults of transformers' CLIPTokenizer. */
const SPECIAL_DEFAULTS = {
  bos_token: '<|startoftext|>',
  eos_token: END_OF_TEXT,
  unk_token: END_OF_TEXT,
  pad_token: END_OF_TEXT,
};
const DEFAULT_MAX_LENGTH = 77;
/** Characters of a wrong value that a message quotes. */
const MOST_SHOWN = 100;
/** transformers writes 10^30 where a tokenizer has no limit of its own. */
const LARGEST_MAX_LENGTH = 1e6;

/**
 * Reads a tokenizer folder: `tokenizer.json`, or `vocab.json` and `merges.txt`; beside them, both optional,
 * `tokenizer_config.json` and `special_tokens_map.json` as transformers 4 or 5 wrote them.
 *
 * @throws OperatorError `tokenizer_missing` or `tokenizer_corrupt`, naming the file, what was wanted and found
 */
export async function readTokenizer(dir: string): Promise<TokenizerParts> {
  const configPath = join(dir, 'tokenizer_config.json');
  const addedPath = join(dir, 'added_tokens.json');
  const [model, config = {}, map = {}, legacy = {}] = await Promise.all([
    readModel(dir),
    readObject(configPath),
    readObject(join(dir, 'special_tokens_map.json')),
    readObject(addedPath),
  ]);
  const decoder = config.added_tokens_decoder;
  // As in transformers: the map is the older file, and its word counts only where the config has no decoder.
  const named = isObject(decoder) ? { ...map, ...config } : { ...config, ...map };
  const added = new Map<string, AddedToken>();
  const add = (value: unknown, id: unknown, path: string) => {
    const token = addedToken(value, id, path);
    if (!added.has(token.content)) added.set(token.content, token);
  };
  for (const value of model.addedTokens) add(value, isObject(value) ? value.id : undefined, model.path);
  for (const [id, value] of Object.entries(isObject(decoder) ? decoder : {})) add(value, Number(id), configPath);

  // As in transformers: the older file counts only where the config has no decoder.
  const further = listed(named.extra_special_tokens ?? named.additional_special_tokens);
  const specials = [...SPECIAL_NAMES.map((name) => named[name] ?? SPECIAL_DEFAULTS[name]), ...further].map(contentOf);
  for (const [content, id] of Object.entries(isObject(decoder) ? {} : legacy)) {
    const special = specials.includes(content);
    add({ content, special, normalized: !special }, id, addedPath);
  }

  const find = (name: SpecialName): AddedToken => {
    const value = named[name] ?? SPECIAL_DEFAULTS[name];
    const content = isObject(value) ? value.content : value;
    if (typeof content !== 'string') throw corrupt(configPath, () => t('its {name} is no text', { name }), content);
    const known = added.get(content);
    if (known) return known;
    const id = Object.hasOwn(model.vocab, content) ? model.vocab[content] : undefined;
    if (id === undefined)
      throw corrupt(model.path, () =>
        t('it has no entry for the {name} {content}', { name, content: JSON.stringify(content) }),
      );
    const token = addedToken(
      isObject(value) ? { special: true, ...value } : { content, special: true },
      id,
      configPath,
    );
    added.set(content, token);
    return token;
  };
  const special = {
    bos_token: find('bos_token'),
    eos_token: find('eos_token'),
    unk_token: find('unk_token'),
    pad_token: find('pad_token'),
  };
  for (const value of further) {
    const content = contentOf(value);
    if (typeof content !== 'string' || content === '' || added.has(content)) continue;
    // One without a number is appended.
    const last = [...Object.values(model.vocab), ...[...added.values()].map((token) => token.id)].reduce(
      (a, b) => Math.max(a, b),
      0,
    );
    const id = Object.hasOwn(model.vocab, content) ? model.vocab[content] : last + 1;
    add(isObject(value) ? { special: true, ...value } : { content, special: true }, id, configPath);
  }
  const { vocab, merges } = model;
  return { vocab, merges, addedTokens: [...added.values()], special, maxLength: maxLengthOf(config, configPath) };
}

interface Model extends Pick<TokenizerParts, 'vocab' | 'merges'> {
  /** The file that holds the vocabulary. */
  readonly path: string;
  readonly addedTokens: readonly unknown[];
}

async function readModel(dir: string): Promise<Model> {
  const path = join(dir, 'tokenizer.json');
  const tokenizer = await readObject(path);
  if (!tokenizer) return readPair(dir);
  const { model, added_tokens: addedTokens = [] } = tokenizer;
  if (!isObject(model)) throw corrupt(path, () => t('its {name} is no object', { name: '"model"' }), model);
  if (model.type !== undefined && model.type !== 'BPE')
    throw corrupt(path, () => t('its model is not of the kind BPE'), model.type);
  if (!Array.isArray(addedTokens))
    throw corrupt(path, () => t('its {name} is no list', { name: '"added_tokens"' }), addedTokens);
  if (!Array.isArray(model.merges))
    throw corrupt(path, () => t('its {name} is no list', { name: '"model.merges"' }), model.merges);
  return { path, vocab: checkedVocab(model.vocab, path), merges: checkedMerges(model.merges, path), addedTokens };
}

async function readPair(dir: string): Promise<Model> {
  const path = join(dir, 'vocab.json');
  const mergesPath = join(dir, 'merges.txt');
  const [vocab, merges] = await Promise.all([readObject(path), readText(mergesPath)]);
  if (!vocab)
    throw missing(() =>
      t('The file {path} is missing: the tokenizer needs tokenizer.json, or vocab.json and merges.txt.', { path }),
    );
  if (merges === undefined)
    throw missing(() =>
      t('The file {path} is missing: the tokenizer needs it beside vocab.json.', { path: mergesPath }),
    );
  const lines = merges.split(/\r?\n/).filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')));
  return { path, vocab: checkedVocab(vocab, path), merges: checkedMerges(lines, mergesPath), addedTokens: [] };
}

function checkedVocab(vocab: unknown, path: string): Record<string, number> {
  if (!isObject(vocab)) throw corrupt(path, () => t('it holds no vocabulary of tokens and their numbers'), vocab);
  // Values alone first: walking 49,000 names costs several times as much.
  if (!Object.values(vocab).every(isId)) {
    const [token, id] = Object.entries(vocab).find((entry) => !isId(entry[1])) ?? [];
    throw corrupt(path, () => t('it has no number for the token {token}', { token: JSON.stringify(token) }), id);
  }
  return vocab as Record<string, number>;
}

/** Merges are "a b" lines, or pairs in tokenizer.json files of newer versions; never both in one file. */
function checkedMerges(merges: readonly unknown[], path: string): TokenizerParts['merges'] {
  if (merges.every((merge): merge is string => typeof merge === 'string')) {
    const bad = merges.findIndex((merge) => !/^[^ ]+ [^ ]+$/.test(merge));
    if (bad === -1) return merges;
    throw corrupt(path, () => t('merge {number} does not have two parts', { number: bad + 1 }), merges[bad]);
  }
  const isPair = (merge: unknown): merge is [string, string] =>
    Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
  if (merges.every(isPair)) return merges;
  const bad = merges.findIndex((merge) => !isPair(merge));
  throw corrupt(path, () => t('merge {number} does not have two parts', { number: bad + 1 }), merges[bad]);
}

function addedToken(value: unknown, id: unknown, path: string): AddedToken {
  if (!isObject(value) || typeof value.content !== 'string' || value.content === '' || !isId(id)) {
    throw corrupt(path, () => t('an added token lacks its text "content" or its number'), value);
  }
  const { content, lstrip, rstrip, normalized, special, single_word } = value;
  return {
    id,
    content,
    lstrip: lstrip === true,
    rstrip: rstrip === true,
    normalized: normalized === true,
    special: special === true,
    singleWord: single_word === true,
  };
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function contentOf(value: unknown): unknown {
  return isObject(value) ? value.content : value;
}

function maxLengthOf(config: Json, path: string): number {
  const length = config.model_max_length ?? DEFAULT_MAX_LENGTH;
  if (typeof length !== 'number' || !(length >= 2)) {
    throw corrupt(path, () => t('its model_max_length is no number from 2 on'), length);
  }
  return length > LARGEST_MAX_LENGTH ? DEFAULT_MAX_LENGTH : Math.floor(length);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const text = withoutMark(await readFile(path, 'utf8'));
    if (isLfsPointer(text)) throw lfsPointerError(path);
    return text;
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new OperatorError(
      'tokenizer_missing',
      () => t('Cannot read {path}: {reason}.', { path, reason: reasonOf(cause) }),
      { cause },
    );
  }
}

async function readObject(path: string): Promise<Json | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw corrupt(path, () => t('it is not JSON: {reason}', { reason: reasonOf(cause) }), undefined, cause);
  }
  if (isObject(value)) return value;
  throw corrupt(path, () => t('it is no JSON object'), value);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function missing(message: OperatorText): OperatorError {
  return new OperatorError('tokenizer_missing', message, {
    hint: () => t('Download the tokenizer folder of the checkpoint again.'),
  });
}

/**
 * @param finding a clause that says what is wrong with the file
 * @param found the value that is wrong
 */
function corrupt(path: string, finding: () => string, found?: unknown, cause?: unknown): OperatorError {
  const shown = JSON.stringify(found)?.slice(0, MOST_SHOWN);
  return new OperatorError(
    'tokenizer_corrupt',
    () => {
      const values = { path, finding: finding() };
      return shown === undefined
        ? t('The tokenizer file {path} cannot be used: {finding}.', values)
        : t('The tokenizer file {path} cannot be used: {finding} (found {found}).', { ...values, found: shown });
    },
    {
      hint: () => t('Download the tokenizer folder of the checkpoint again.'),
      cause,
    },
  );
}
