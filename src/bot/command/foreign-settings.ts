import { fold, spellings } from './keys.ts';
import { insideQuotes } from './lexer.ts';

/**
 * What stands behind a setting of another program: nothing, a switch or nothing, a number or nothing, a code that has a
 * digit or nothing, one word or several addresses, or the name of a sampler, which may have blanks.
 */
type ForeignValue = 'none' | 'switch' | 'number' | 'code' | 'word' | 'sampler';

/** Settings of Midjourney, AUTOMATIC1111, ComfyUI, Fooocus, InvokeAI and diffusers that mean something else than ours. */
const FOREIGN: Readonly<Record<ForeignValue, string>> = {
  // The word behind it is the prompt.
  none: 'prompt text p-prompt',
  switch: `
    tile tiling video raw fast relax turbo draft hd sd loop public stealth test testp creative uplight upbeta upanime
    upalpha sameseed-all plms fixed-code laion400m skip-grid skip-save karras seamless hires-fix enable-hr restore-faces
    do-not-save-samples do-not-save-grid add-noise return-with-leftover-noise freeu adaptive-cfg read-wildcards-in-order
    disable-preview send-images save-images grid individual remix full-precision no-half tiled-vae output-type-latent`,
  number: `
    stylize s zoom chaos c weird stop iw image-weight q quality v version niji cw sw sv ow exp bs repeat r sameseed vibe
    clip-skip denoising-strength denoise strength hr-scale hr-second-pass-steps hr-resize-x hr-resize-y
    firstphase-width firstphase-height hires-upscale hires-steps subseed subseed-strength variation-seed
    variation-seed-strength seed-resize-from-h seed-resize-from-w eta ddim-eta ensd s-churn s-tmin s-tmax s-noise
    refiner-switch refiner-switch-at start-at-step end-at-step stop-at-clip-layer strength-model strength-clip
    lora-strength sharpness image-sharpness adm-guidance adm-scaler-positive adm-scaler-negative adm-scaler-end
    mimic-scale cfg-rescale guidance-rescale distilled-cfg-scale shift sigma-min sigma-max rho s-min-uncond token-merging-ratio hr-cfg denoising-start denoising-end variation-amount
    perlin threshold embiggen n-rows upscale gfpgan-strength facetool-strength max-sequence-length`,
  code: 'p profile personalize with-variations',
  word: `
    sref cref oref dref end motion mode model sd-model ckpt ckpt-name checkpoint base-model base-model-name prefer
    refiner refiner-model refiner-checkpoint vae vae-name clip-name lora-name hypernetwork embedding script-args
    hr-checkpoint-name hr-sampler-name hr-scheduler
    hr-upscaler upscaler upscale-method upscale-by crop filename-prefix control-after-generate script-name
    styles style-selections performance performance-selection preset output-format uov-method face-restoration
    init-img init-image init-mask mask image image-prompt controlnet controlnet-model ip-adapter output-type
    override-settings alwayson-scripts outdir outpath-samples outpath-grids prompt-for-display config precision`,
  sampler: 'sampler sampler-name sampler-index scheduler schedule-type sampling-method',
};

const KINDS = new Map(
  (Object.keys(FOREIGN) as ForeignValue[]).flatMap((kind) =>
    FOREIGN[kind]
      .trim()
      .split(/\s+/)
      .flatMap((name) => spellings(name).map((one) => [one, kind] as const)),
  ),
);

/** What stands behind the setting of another program that has this name; `null` if none has. */
export function foreignNamed(name: string): ForeignValue | null {
  return KINDS.get(fold(name)) ?? null;
}

const NUMBER = /^[+-]?\.?\d[\d.]*(?:[:x×/][\d.]+)*[%x]?[,;.]?$/i;
const ADDRESS = /^"?<?https?:\/\//i;
const SAMPLER_WORD =
  /^(?:[23][MS]|SDE|Karras|Exponential|Heun|Uniform|Simple|Beta|Normal|Turbo|fast|adaptive|Trailing|GPU)[,;.]?$/i;

const ANCESTRAL = /^(?:Euler|DPM2|2S)$/i;

/**
 * How many of `words`, which follow a setting of another program, are its value; `null` is for one that nobody knows.
 *
 * @param words up to the next setting
 * @param isBehind whether the prompt stands before it: what other programs have behind the prompt is settings only
 */
export function wordsOfForeign(kind: ForeignValue | null, words: readonly string[], isBehind: boolean): number {
  const [first = ''] = words;
  const isOnly = isBehind && words.length === 1;
  const isQuoted = isBehind && insideQuotes(first) !== null;
  if (kind !== 'none' && isBehind && words.every((word) => NUMBER.test(word))) return words.length;
  const listed = () => {
    let count = 1;
    while (ADDRESS.test(words[count] ?? '') || NUMBER.test(words[count] ?? '')) count += 1;
    return count;
  };
  switch (kind) {
    case 'none':
      return 0;
    case 'switch':
      return isSwitch(first) || (isOnly && /^(?:no|on|off)$/i.test(first)) ? 1 : 0;
    case 'number':
      return NUMBER.test(first) ? 1 : 0;
    case 'code':
      return /\d/.test(first) || isOnly ? 1 : 0;
    case 'word':
      return first === '' ? 0 : ADDRESS.test(first) || /^random$/i.test(first) ? listed() : 1;
    case 'sampler': {
      let count = Math.min(1, words.length);
      for (;;) {
        // "Euler a" and "2S a Karras", where no article of the prompt can be meant.
        const isAncestral = words[count] === 'a' && ANCESTRAL.test(words[count - 1] ?? '');
        if (isAncestral && (count === words.length - 1 || SAMPLER_WORD.test(words[count + 1] ?? ''))) count += 1;
        else if (SAMPLER_WORD.test(words[count] ?? '')) count += 1;
        else return count;
      }
    }
    case null:
      if (ADDRESS.test(first)) return listed();
      return NUMBER.test(first) || isSwitch(first) || isOnly || isQuoted || isBeforePrompt(words) ? 1 : 0;
  }
}

const ARTICLE = /^["“]?(?:an?|the|one|two|three|some)$/i;

/** Whether the first word stands before what begins a prompt: `maybe a panda`. */
function isBeforePrompt([first = '', second = '']: readonly string[]): boolean {
  return /^[\p{L}\p{N}_.-]+$/u.test(first) && !ARTICLE.test(first) && ARTICLE.test(second);
}

/** Without no, on and off, which begin prose. */
function isSwitch(word: string): boolean {
  return /^(?:true|false|yes)$/i.test(word);
}

/** Whether `name:value` is the setting of another program and not prose (`end:game`). */
export function isForeignPair(name: string, value: string): boolean {
  const kind = foreignNamed(name);
  if (kind === null) return false;
  if (kind === 'word' || kind === 'sampler') return name.length > 5 || ADDRESS.test(value);
  return wordsOfForeign(kind, [value], false) === 1 || (kind === 'switch' && /^(?:no|on|off|[01])$/i.test(value));
}
