import { createHash } from 'node:crypto';

/** What identifies weights. */
export interface Hashes {
  /** Of all that a picture is made with. */
  readonly checkpoint: string;
  /** Others that recipes may have of the same weights. */
  readonly formerCheckpoints?: readonly string[];
}

/** What identifies all weights of a model. `checkpoint` is of those that pictures in its first style are made with. */
export interface Weights extends Hashes {
  /** Of those that other pictures are made with: in each further style, by its name, and from pictures, by {@link ENCODER}. */
  readonly further?: Readonly<Record<string, Hashes>>;
}

/** The image encoder, among weights. */
export const ENCODER = 'image-encoder';

/** The hashes alone, of an object that says more. */
export function bareHashes({ checkpoint, formerCheckpoints = [] }: Hashes) {
  return { checkpoint, formerCheckpoints };
}

/** What identifies the weights that pictures in a style are made with: a mix, by its share and by what it is mixed of. */
export function hashesOf(weights: Weights, style: string): Hashes {
  const { further = {} } = weights;
  const { base, aesthetic } = further;
  const share = Number(style);
  const named = further[NAMES.get(share) ?? style];
  if (named !== undefined) return named;
  if (share > 0 && share < 1 && share !== 0.5 && base && aesthetic) return mixed(share, base, aesthetic);
  return bareHashes(weights);
}

/** Styles that a share of aesthetic has as its name; half of each is the first style. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'base'],
  [1, 'aesthetic'],
]);

function mixed(share: number, base: Hashes, aesthetic: Hashes): Hashes {
  const hashOf = (parents: readonly string[]) =>
    createHash('sha256')
      .update([share, ...parents].join('\n'))
      .digest('hex');
  const hashes = allHashes(base).flatMap((one) => allHashes(aesthetic).map((other) => hashOf([one, other])));
  const [checkpoint = '', ...formerCheckpoints] = hashes;
  return { checkpoint, formerCheckpoints };
}

/** Weights of two models that should be the same. */
export interface Difference {
  /** Whose they are: a further style's or the image encoder's; `null` for those of the first style. */
  readonly part: string | null;
  readonly own: string;
  readonly other: string;
}

/** What two models both have, and is not the same. */
export function differenceOf(own: Weights, other: Weights): Difference | undefined {
  for (const { part, hashes, theirs } of [{ part: null, hashes: own, theirs: other }, ...furtherParts(own, other)]) {
    if (theirs && !areSame(hashes, theirs)) return { part, own: hashes.checkpoint, other: theirs.checkpoint };
  }
  return undefined;
}

/** Weights of two models that do not differ, as far as they are known of either. */
export function joined(own: Weights, other: Weights): Weights {
  const parts = furtherParts(own, other).map(({ part, hashes, theirs }) => [part, known(hashes, theirs)]);
  return { ...known(own, other), further: { ...other.further, ...Object.fromEntries(parts) } };
}

/** What a model has besides its first style, with what the other one has of it. */
function furtherParts(own: Weights, other: Weights) {
  const others = new Map(Object.entries(other.further ?? {}));
  return Object.entries(own.further ?? {}).map(([part, hashes]) => ({ part, hashes, theirs: others.get(part) }));
}

/** What identifies weights of which two models may know different hashes: that of all bytes, where one of them does. */
function known(own: Hashes, other: Hashes = own): Hashes {
  if (isWhole(own) || !isWhole(other)) return bareHashes(own);
  const former = [...allHashes(own), ...allHashes(other)].filter((hash) => hash !== other.checkpoint);
  return { checkpoint: other.checkpoint, formerCheckpoints: former };
}

/**
 * Whether weights are the same. The hash of all bytes of large ones is known some time after they are loaded, to each at its own time;
 * until then it goes by the other hashes, for which pieces are read.
 */
function areSame(a: Hashes, b: Hashes): boolean {
  if (isWhole(a) && isWhole(b)) return a.checkpoint === b.checkpoint;
  return allHashes(b).some((hash) => allHashes(a).includes(hash));
}

function isWhole({ checkpoint, formerCheckpoints: former = [] }: Hashes): boolean {
  return former.length > 0 && !former.includes(checkpoint);
}

export function allHashes({ checkpoint, formerCheckpoints = [] }: Hashes): readonly string[] {
  return [checkpoint, ...formerCheckpoints];
}
