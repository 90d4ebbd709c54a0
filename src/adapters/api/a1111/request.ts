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
/** What a note names, so that it stays one. */
const MOST_NAMED = 40;
const NO_STYLE = /^(?:none)?$/i;

export function ofTxt2Img({ api }: ApiCall, body: Txt2Img): Translated {
  const larger = body.enable_hr === true ? ['enable_hr has no effect: ask for a larger picture.'] : [];
  return translated(body, { model: modelIn(api), notes: larger });
}

function modelIn({ web }: ApiCall['api']): string {
  return web.core.limits().model;
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
  const options = { strength: strength ?? USUAL_STRENGTH };
  return translated(body, { model: modelIn(api), options, pictures: given });
}

interface Parts {
  readonly model: string;
  readonly options?: NativeOptions;
  readonly pictures?: Wish['pictures'];
  readonly notes?: readonly string[];
}

function translated(body: Txt2Img | Img2Img, { model, options = {}, pictures, notes = [] }: Parts): Translated {
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
    notes: [
      ...notes,
      ...others.map((one) => `The style ${one} has no effect: one counts.`),
      ...withoutEffect(body, model),
    ],
  };
}

/** Of `override_settings`, what A1111's clients send where nothing is to be overridden. */
const USUAL_SETTINGS: Readonly<Record<string, readonly unknown[]>> = {
  CLIP_stop_at_last_layers: [1],
  sd_vae: ['', 'None', 'Automatic'],
  forge_additional_modules: [],
};

function withoutEffect(body: Txt2Img | Img2Img, model: string): readonly string[] {
  const sampler = body.sampler_name ?? body.sampler_index ?? SAMPLER;
  const {
    scheduler = '',
    script_name: script = '',
    subseed_strength: subseed = 0,
    alwayson_scripts: scripts = {},
  } = body;
  const named = [
    ...(['restore_faces', 'tiling'] as const).filter((name) => body[name] === true),
    ...(/^(?:automatic)?$/i.test(scheduler) ? [] : [`scheduler ${scheduler}`]),
    ...(script === '' || script === 'None' ? [] : [`script_name ${script}`]),
    ...(subseed === 0 ? [] : ['subseed_strength']),
    ...Object.keys(scripts).map((name) => `alwayson_scripts.${name}`),
    ...overridden(body.override_settings ?? {}, model).map((name) => `override_settings.${name}`),
  ];
  return [
    ...(sampler === SAMPLER || sampler === '' ? [] : [`sampler ${sampler} has no effect: there is only ${SAMPLER}.`]),
    ...named.slice(0, MOST_NAMED).map((name) => `${name.slice(0, 80)} has no effect.`),
  ];
}

/** Names of settings that would change something in A1111. */
function overridden(settings: Readonly<Record<string, unknown>>, model: string): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    const isEmpty = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
    const isUsual = name === 'sd_model_checkpoint' ? value === model : USUAL_SETTINGS[name]?.includes(value);
    return isEmpty || isUsual === true ? [] : [name];
  });
}
