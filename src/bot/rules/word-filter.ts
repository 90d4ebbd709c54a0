import unhomoglyph from 'unhomoglyph';

/** Letters that are read as others although Unicode's list of confusable characters has none or another for them. */
const LOOKALIKES: Readonly<Record<string, string>> = {
  ...{ в: 'b', н: 'h', к: 'k', м: 'm', т: 't', ї: 'i', ғ: 'f', α: 'a', β: 'b', ε: 'e', ι: 'i', κ: 'k', ν: 'v', τ: 't' },
  ...{
    υ: 'u',
    χ: 'x',
    η: 'n',
    ω: 'w',
    ß: 'ss',
    ø: 'o',
    æ: 'ae',
    œ: 'oe',
    ł: 'l',
    đ: 'd',
    ı: 'i',
    п: 'n',
    μ: 'u',
    µ: 'u',
  },
  // Small capitals, and letters of phonetic alphabets.
  ...{ ᴀ: 'a', ʙ: 'b', ᴄ: 'c', ᴅ: 'd', ᴇ: 'e', ꜰ: 'f', ɢ: 'g', ʜ: 'h', ɪ: 'i', ᴊ: 'j', ᴋ: 'k', ʟ: 'l', ᴍ: 'm', ɴ: 'n' },
  ...{ ᴏ: 'o', ᴘ: 'p', ꞯ: 'q', ʀ: 'r', ꜱ: 's', ᴛ: 't', ᴜ: 'u', ᴠ: 'v', ᴡ: 'w', ʏ: 'y', ᴢ: 'z', ŋ: 'n', ɲ: 'n', ɳ: 'n' },
  ...{ ð: 'd', ꝺ: 'd', þ: 'p', ə: 'e', ɛ: 'e', ɘ: 'e', ɑ: 'a', ɐ: 'a', ɵ: 'o', ɔ: 'o', ʊ: 'u', ʌ: 'v', ʋ: 'v', ɩ: 'i' },
  ...{ ɡ: 'g', ɾ: 'r', ɹ: 'r', ʃ: 's', ʒ: 'z', ʈ: 't', ɱ: 'm', ɯ: 'w', ɦ: 'h', ɥ: 'h', ʞ: 'k' },
};
/** Signs that people write for letters. */
const SIGNS: Readonly<Record<string, string>> = {
  ...{ '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '8': 'b', '@': 'a', $: 's', '!': 'i', '|': 'i' },
  ...{
    '€': 'e',
    '∊': 'e',
    '∈': 'e',
    '£': 'l',
    '¢': 'c',
    '§': 's',
    '¥': 'y',
    '₫': 'd',
    '₦': 'n',
    '∂': 'd',
    '∩': 'n',
    '∪': 'u',
  },
};

/** Stands for characters that are not seen: they may split a word or not. */
const UNSEEN = '\0';
const BOUNDARY = ` ${UNSEEN}`;
/** Shorter words would be found in any row of initials. */
const SPELLED_FROM = 3;

/** Words as they stand, or with digits and signs read as letters. */
type Reading = 'plain' | 'signs';

/**
 * A text in lower-case letters, without accents and look-alikes. Everything that splits words for the tokenizer is a
 * blank, and each digit is a word; what is not seen is `UNSEEN`.
 */
function folded(text: string, reading: Reading): string {
  let result = '';
  for (const character of text.normalize('NFC')) {
    result += ASCII[reading][character.codePointAt(0) ?? 0] ?? foldedCharacter(character, reading);
  }
  return result;
}

function foldedCharacter(character: string, reading: Reading): string {
  if (/[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(character)) return UNSEEN;
  const meant = reading === 'signs' ? SIGNS[character] : undefined;
  if (meant !== undefined) return meant;
  const letters = LOOKALIKES[character.toLowerCase()] ?? plainLetters(character).toLowerCase();
  return [...letters]
    .map((letter) => {
      const sign = reading === 'signs' ? SIGNS[letter] : undefined;
      if (sign !== undefined) return sign;
      if (/\p{L}/u.test(letter)) return LOOKALIKES[letter] ?? letter;
      return /\p{N}/u.test(letter) ? ` ${letter} ` : ' ';
    })
    .join('');
}

const asciiRead = (reading: Reading) =>
  Array.from({ length: 0x80 }, (_, code) => foldedCharacter(String.fromCharCode(code), reading));

/** What most texts are made of, by code. */
const ASCII: Readonly<Record<Reading, readonly string[]>> = { plain: asciiRead('plain'), signs: asciiRead('signs') };

/** Code points of the A of alphabets that Unicode does not decompose: white in black circles and squares, and flags. */
const SYMBOL_ALPHABETS = [0x1f150, 0x1f170, 0x1f1e6];

/** ASCII stays as it is: Unicode's list also says that `m` looks like `rn`. */
function plainLetters(character: string): string {
  if (character < '\x80') return character;
  const code = character.codePointAt(0) ?? 0;
  const first = SYMBOL_ALPHABETS.find((start) => code >= start && code < start + 26);
  if (first !== undefined) return String.fromCharCode(97 + code - first);
  const plain = character.normalize('NFKD').replace(/\p{M}/gu, '');
  const isAscii = (text: string) => /^[\x20-\x7e]*$/.test(text);
  if (isAscii(plain)) return plain;
  const alike = unhomoglyph(plain).normalize('NFKD').replace(/\p{M}/gu, '');
  return isAscii(alike) ? alike : plain;
}

/** Single letters with gaps between them, as one word each: `b a d`, `b.a.d`. */
function spelledWords(text: string): string[] {
  const runs = text.replaceAll(UNSEEN, '').match(/(?<= |^)\S(?: +\S)+(?= |$)/gu) ?? [];
  return runs.map((run) => run.replaceAll(' ', ''));
}

/** A blocked word or phrase, as it is looked for. */
interface Needle {
  readonly phrase: string;
  readonly pattern: RegExp;
  /** All its letters, to be found in spelled words; `undefined` where they are too few. */
  readonly letters: string | undefined;
}

function needlesOf(phrase: string): Needle[] {
  const readings = new Set([folded(phrase, 'plain'), folded(phrase, 'signs')]);
  return [...readings].flatMap((reading) => {
    const words = reading.replaceAll(UNSEEN, '').match(/[\p{L}\p{N}]+/gu) ?? [];
    if (words.length === 0) return [];
    const last = words.length - 1;
    const pattern = words.map((word, at) => (at === last ? withPlural(word) : spread(word))).join(`[${BOUNDARY}]+`);
    const letters = words.join('');
    return {
      phrase,
      pattern: new RegExp(`(?<=^|[${BOUNDARY}])${pattern}(?=$|[${BOUNDARY}])`, 'u'),
      letters: letters.length >= SPELLED_FROM ? letters : undefined,
    };
  });
}

/** The letters of a word, with anything unseen between them. */
function spread(word: string): string {
  return [...word].join(`${UNSEEN}*`);
}

function withPlural(word: string): string {
  if (!/\p{L}$/u.test(word) || [...word].length < 3) return spread(word);
  const endings = /(?:s|x|z|ch|sh)$/.test(word) ? ['es'] : ['s', 'es'];
  const forms = [word, ...endings.map((ending) => word + ending)];
  if (/[^aeiou]y$/.test(word)) forms.push(`${word.slice(0, -1)}ies`);
  return `(?:${forms.map(spread).join('|')})`;
}

/** By list: the same lists are searched for at every request. */
const known = new WeakMap<readonly string[], readonly Needle[]>();

function needlesIn(phrases: readonly string[]): readonly Needle[] {
  const read = known.get(phrases) ?? phrases.flatMap(needlesOf);
  known.set(phrases, read);
  return read;
}

/**
 * The first of `phrases` that `texts` contain as whole words: in singular or plural, in any spelling that the tokenizer
 * reads as the same words, with look-alikes, digits for letters, unseen characters, or gaps between all letters. The
 * list must never change: what was read from it is kept.
 */
export function heldPhrase(texts: readonly string[], phrases: readonly string[]): string | null {
  if (phrases.length === 0) return null;
  const readings = [...new Set(texts)].flatMap((text) => [folded(text, 'plain'), folded(text, 'signs')]);
  const haystacks = [...new Set(readings)];
  const spelled = haystacks.flatMap(spelledWords);
  const isHeld = ({ pattern, letters }: Needle) =>
    haystacks.some((haystack) => pattern.test(haystack)) ||
    (letters !== undefined && spelled.some((word) => word.includes(letters)));
  return needlesIn(phrases).find(isHeld)?.phrase ?? null;
}
