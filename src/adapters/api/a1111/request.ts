import type { NativeOptions } from '../../../bot/command/format.ts';
import type { ApiCall } from '../serving/api-context.ts';
import type { Wish } from '../serving/paintings.ts';
import { weightedPrompt } from '../serving/prompt-words.ts';
import { WrongField } from '../serving/read-body.ts';
import type { Img2Img, Txt2Img } from './schemas.ts';

/** A request in this program's words. */
export interface Translated {
  readonly wish: Wish;
  /** What of the request had no effect. */
  readonly notes: readonly string[];
}

/** The only one there is. */
export const SAMPLER = 'DDPM Wuerstchen';
const USUAL_STRENGTH = 0.75;
const NO_STYLE = /^(?:none)?$/i;

export function ofTxt2Img(body: Txt2Img): Translated {
  const larger = body.enable_hr === true ? ['enable_hr has no effect: ask for a larger picture.'] : [];
  return translated(body, {}, undefined, larger);
}

export async function ofImg2Img({ api, caller }: ApiCall, body: Img2Img): Promise<Translated> {
  const { init_images: images, mask, inpainting_mask_invert: inverted, denoising_strength: strength } = body;
  if (inverted === true || (typeof inverted === 'number' && inverted !== 0)) {
    throw new WrongField(
      'inpainting_mask_invert',
      'inpainting_mask_invert: expected 0: white is painted anew.',
      'Invert the mask.',
    );
  }
  if (mask !== undefined && images.length > 1)
    throw new WrongField('mask', 'mask: expected one picture beside a mask.');
  const { core } = api.web;
  const pictures: string[] = [];
  for (const image of images) pictures.push(await core.givePicture(image, caller));
  const given = { pictures, mask: mask && (await core.givePicture(mask, caller)) };
  return translated(body, { strength: strength ?? USUAL_STRENGTH }, given);
}

function translated(
  body: Txt2Img | Img2Img,
  options: NativeOptions,
  pictures?: Wish['pictures'],
  notes: readonly string[] = [],
): Translated {
  const { prompt = '', negative_prompt: negative = '', seed = -1, width, height, steps, cfg_scale: guidance } = body;
  const [style, ...others] = (body.styles ?? []).filter((one) => !NO_STYLE.test(one));
  const words = [
    ...(prompt.trim() === '' ? [] : [weightedPrompt(prompt)]),
    ...(negative.trim() === '' ? [] : [`negative:${weightedPrompt(negative)}`]),
  ];
  return {
    wish: {
      prompt: words.join(' '),
      options: {
        ...options,
        n: (body.batch_size ?? 1) * (body.n_iter ?? 1),
        ...(seed < 0 ? {} : { seed: String(seed) }),
        ...(width === undefined ? {} : { width }),
        ...(height === undefined ? {} : { height }),
        ...(steps === undefined ? {} : { steps }),
        ...(guidance === undefined ? {} : { guidance }),
        ...(style === undefined ? {} : { preset: style }),
      },
      pictures,
    },
    notes: [...notes, ...others.map((one) => `The style ${one} has no effect: one counts.`), ...withoutEffect(body)],
  };
}

function withoutEffect(body: Txt2Img | Img2Img): readonly string[] {
  const sampler = body.sampler_name ?? body.sampler_index ?? SAMPLER;
  const clipSkip = body.override_settings?.CLIP_stop_at_last_layers;
  return [
    ...(sampler === SAMPLER || sampler === '' ? [] : [`sampler ${sampler} has no effect: there is only ${SAMPLER}.`]),
    ...(['restore_faces', 'tiling'] as const).flatMap((name) =>
      body[name] === true ? [`${name} has no effect.`] : [],
    ),
    ...(typeof clipSkip === 'number' && clipSkip > 1 ? ['CLIP_stop_at_last_layers has no effect.'] : []),
  ];
}
