import type { NativeOptions } from '../../../bot/command/format.ts';
import type { GivenPictures } from '../../../bot/core.ts';
import { PICTURE_BOUNDS } from '../../../bot/picture-bounds.ts';
import { UserError } from '../../../system/errors.ts';
import { repeatable } from '../../web/server/repeatable.ts';
import type { ApiCall } from '../serving/api-context.ts';
import type { Wish } from '../serving/paintings.ts';
import type { EncodeAs } from '../serving/picture-files.ts';
import { beginningOf, literalPrompt } from '../serving/prompt-words.ts';
import { WrongField } from '../serving/read-body.ts';
import { EDIT, type Edit, GENERATION, type Generation, VARIATION, type Variation } from './schemas.ts';

/** A request in this program's words. */
export interface Translated {
  readonly wish: Wish;
  readonly encode: EncodeAs;
  /** Links in place of the pictures. */
  readonly asLinks: boolean;
  /** What of the request had no effect. */
  readonly notes: readonly string[];
}

const KNOWN = new Set([GENERATION, EDIT, VARIATION].flatMap(({ shape }) => Object.keys(shape)));
/** Names of OpenAI's own models: programs that offer no choice send one of them. */
const THEIRS = /^(?:dall-e-\d|gpt-image-|chatgpt-image)/;
/** Styles of DALL-E 3. */
const THEIR_STYLES = ['vivid', 'natural'];
/** How much is painted anew, by `input_fidelity`. */
const STRENGTHS = { low: 0.6, high: 0.3 } as const;
/** Fields that a note names. */
const MOST_NAMED = 40;
const VARIATION_STRENGTH = 0.5;

type Given = Generation | Edit | Variation;

export function ofGeneration(call: ApiCall, body: Generation): Translated {
  requirePossible(call, body);
  const style = body.style === undefined || THEIR_STYLES.includes(body.style) ? {} : { style: body.style };
  const notes = [
    ...(THEIR_STYLES.includes(body.style ?? '')
      ? [`style ${body.style} has no effect: the styles here are others.`]
      : []),
    ...(body.moderation === 'low' ? ['moderation has no effect: the rules of the place hold.'] : []),
  ];
  return translated(call, body, { prompt: body.prompt, options: style, notes });
}

export async function ofEdit(call: ApiCall, body: Edit): Promise<Translated> {
  const most = body.mask === undefined ? PICTURE_BOUNDS.pictures : 1;
  if (body.image.length > most) {
    const beside = body.mask === undefined ? '' : ' beside a mask';
    throw new WrongField('image', `image: expected at most ${most}${beside}, got ${body.image.length}.`);
  }
  requirePossible(call, body);
  const { core } = call.api.web;
  const pictures: string[] = [];
  for (const image of body.image) pictures.push(await core.givePicture(image, call.caller));
  const mask = body.mask && (await core.givePicture(body.mask, call.caller, { asMask: true }));
  const strength = mask === undefined ? STRENGTHS[body.input_fidelity ?? 'low'] : 1;
  return translated(call, body, { prompt: body.prompt, options: { strength }, pictures: { pictures, mask } });
}

export async function ofVariation(call: ApiCall, body: Variation): Promise<Translated> {
  requirePossible(call, body);
  const picture = await call.api.web.core.givePicture(body.image, call.caller);
  return translated(call, body, { options: { strength: VARIATION_STRENGTH }, pictures: { pictures: [picture] } });
}

interface Parts {
  readonly prompt?: string;
  readonly options: NativeOptions;
  readonly pictures?: GivenPictures;
  readonly notes?: readonly string[];
}

function translated(call: ApiCall, body: Given, { prompt, options, pictures, notes = [] }: Parts): Translated {
  const { model, n, size, seed, negative_prompt: negative, quality } = body;
  const [width, height] = size === undefined || size === 'auto' ? [] : size.split('x').map(Number);
  // The model reads far less of it: what follows would change nothing.
  const most = call.api.web.core.limits().maxPromptLength;
  const kept = { prompt: beginningOf(prompt ?? '', most), negative: beginningOf(negative ?? '', most) };
  const words = [
    ...(prompt === undefined ? [] : [literalPrompt(kept.prompt)]),
    ...(kept.negative.trim() === '' ? [] : [`negative:${literalPrompt(kept.negative)}`]),
  ];
  const wish = {
    prompt: words.join(' '),
    // A setting beside it says that a picture is wanted, whatever the words are.
    options: {
      ...options,
      n: n ?? 1,
      ...(width === undefined || height === undefined ? {} : { width, height }),
      ...(seed === undefined ? {} : { seed: String(seed) }),
    },
    pictures,
  };
  return {
    wish: { ...wish, ...repeatable(call.c, wish) },
    encode: { format: body.output_format ?? 'png', quality: body.output_compression },
    asLinks: (body.response_format ?? (/^dall-e/.test(model ?? '') ? 'url' : 'b64_json')) === 'url',
    notes: [
      ...notes,
      ...(kept.prompt === (prompt ?? '') ? [] : [`prompt has no effect beyond its first ${most} characters.`]),
      ...(kept.negative === (negative ?? '')
        ? []
        : [`negative_prompt has no effect beyond its first ${most} characters.`]),
      ...(quality === undefined || quality === 'auto'
        ? []
        : ['quality has no effect: every picture is made as well as it can be.']),
      ...Object.keys(body)
        .slice(0, MOST_NAMED)
        .flatMap((name) => (KNOWN.has(name) ? [] : [`${name.slice(0, 40)} is not known here, and has no effect.`])),
    ],
  };
}

/** Before any picture is stored. */
function requirePossible({ api }: ApiCall, { model, background }: Pick<Given, 'model' | 'background'>): void {
  if (background !== undefined && !['auto', 'opaque'].includes(background)) {
    throw new WrongField('background', 'background: pictures here have no transparent parts.', 'Send opaque or auto.');
  }
  const own = api.web.core.limits().model;
  if (model === undefined || model === '' || model === own || THEIRS.test(model)) return;
  throw new UserError('model_not_found', `There is no model "${model}" here.`, { hint: `The model in use is ${own}.` });
}
