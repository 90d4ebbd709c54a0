import type { Context } from 'hono';
import * as z from 'zod';
import { UserError } from '../../../system/errors.ts';
import type { Problem } from '../../web/server/problems.ts';
import { endpoint } from '../serving/endpoint.ts';
import { type Interface, sentenceOf } from '../serving/interface.ts';
import { PaintingFailed } from '../serving/paintings.ts';
import { WrongField } from '../serving/read-body.ts';
import { answerPictures, interrupt, progressOf, textsOf } from './answering.ts';
import { ofImg2Img, ofTxt2Img, SAMPLER } from './request.ts';
import * as schemas from './schemas.ts';

const EMPTY = z.object({});
const NOTHING = z.looseObject({});
const NO_LIST = z.array(z.object({ name: z.string() }));
const NO_EMBEDDINGS = z.object({ loaded: EMPTY, skipped: EMPTY });

const SCRIPTS = z.object({ txt2img: z.array(z.string()), img2img: z.array(z.string()) });

const answer = (schema: z.ZodType, description: string) => ({ 200: [{ description, schema }] });

/** Something that A1111 has and this program has none of: programs read the list when they start. */
function none(path: string, empty: object, schema: z.ZodType = NO_LIST) {
  return endpoint({
    ...{ method: 'get', path, summary: 'There are none.', answers: answer(schema, 'Nothing.') },
    handle: ({ c }) => c.json(empty),
  });
}

/** The part of A1111's interface that other programs use. */
export const A1111: Interface = {
  name: 'A1111',
  under: '/sdapi/*',
  problemSchema: schemas.PROBLEM,
  problem: a1111Problem,
  endpoints: [
    endpoint({
      ...{ method: 'post', path: '/sdapi/v1/txt2img', summary: 'Paint pictures of words.' },
      body: { schema: schemas.TXT2IMG, isLax: true },
      answers: answer(schemas.PICTURES, 'The pictures.'),
      handle: (call, { body }) => answerPictures(call, ofTxt2Img(call, body), body.send_images ?? true),
    }),
    endpoint({
      ...{ method: 'post', path: '/sdapi/v1/img2img', summary: 'Paint from pictures, or a part of one anew.' },
      body: { schema: schemas.IMG2IMG, isLax: true },
      answers: answer(schemas.PICTURES, 'The pictures.'),
      handle: async (call, { body }) => answerPictures(call, await ofImg2Img(call, body), body.send_images ?? true),
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/progress', summary: 'How far the own oldest request is.' },
      query: schemas.PROGRESS_QUERY,
      answers: answer(schemas.PROGRESS, 'The progress.'),
      handle: async (call, { query }) =>
        call.c.json(await progressOf(call, !/^true$/i.test(query.skip_current_image ?? ''))),
    }),
    endpoint({
      ...{ method: 'post', path: '/sdapi/v1/interrupt', summary: 'Cancel the own requests.' },
      body: { schema: NOTHING },
      answers: answer(EMPTY, 'Done.'),
      async handle(call) {
        await interrupt(call);
        return call.c.json({});
      },
    }),
    endpoint({
      ...{ method: 'post', path: '/sdapi/v1/png-info', summary: 'The texts in a picture.' },
      body: { schema: schemas.PNG_INFO },
      answers: answer(schemas.PNG_TEXTS, 'The texts.'),
      handle: async (call, { body }) => call.c.json(await textsOf(call, body.image)),
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/options', summary: 'The model in use.' },
      answers: answer(schemas.OPTIONS, 'The settings.'),
      handle({ api, c }) {
        const { model } = api.web.core.limits();
        const others = { sd_checkpoint_hash: '', samples_format: 'png', CLIP_stop_at_last_layers: 1 };
        return c.json({ sd_model_checkpoint: model, ...others });
      },
    }),
    endpoint({
      ...{ method: 'post', path: '/sdapi/v1/options', summary: 'Nothing can be set.' },
      body: { schema: schemas.NEW_OPTIONS },
      answers: answer(EMPTY, 'What was asked for holds already, or has no effect.'),
      handle({ api, c }, { body: { sd_model_checkpoint: wanted } }) {
        const { model } = api.web.core.limits();
        if (wanted === undefined || wanted === '' || wanted === model) return c.json({});
        throw new UserError('model_not_found', `There is no model "${wanted}" here.`, {
          hint: `The model in use is ${model}.`,
        });
      },
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/sd-models', summary: 'The model in use.' },
      answers: answer(schemas.SD_MODELS, 'A list of one.'),
      handle({ api, c }) {
        const { model } = api.web.core.limits();
        const names = { title: model, model_name: model, filename: model };
        return c.json([{ ...names, hash: null, sha256: null, config: null }]);
      },
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/samplers', summary: 'The sampler.' },
      answers: answer(schemas.SAMPLERS, 'A list of one.'),
      handle: ({ c }) => c.json([{ name: SAMPLER, aliases: ['ddpm_wuerstchen'], options: {} }]),
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/schedulers', summary: 'The schedule.' },
      answers: answer(schemas.SCHEDULERS, 'A list of one.'),
      handle: ({ c }) => c.json([{ name: 'automatic', label: 'Automatic' }]),
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/loras', summary: 'LoRAs that a prompt can name.' },
      answers: answer(schemas.LORAS, 'The LoRAs.'),
      handle({ api, c, caller }) {
        const { loras = [] } = api.web.core.limits(caller);
        return c.json(loras.map(({ name }) => ({ name, alias: name, path: name, metadata: {} })));
      },
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/prompt-styles', summary: 'Saved styles that can be named.' },
      answers: answer(schemas.STYLES, 'The styles.'),
      handle({ api, c, caller }) {
        const presets = api.web.core.presets?.(caller) ?? [];
        return c.json(presets.map(({ name, prompt, negative }) => ({ name, prompt, negative_prompt: negative })));
      },
    }),
    endpoint({
      ...{ method: 'get', path: '/sdapi/v1/cmd-flags', summary: 'How it was started.' },
      answers: answer(z.object({ api: z.literal(true) }), 'The flags.'),
      handle: ({ c }) => c.json({ api: true }),
    }),
    none('/sdapi/v1/scripts', { txt2img: [], img2img: [] }, SCRIPTS),
    none('/sdapi/v1/embeddings', { loaded: {}, skipped: {} }, NO_EMBEDDINGS),
    ...['face-restorers', 'hypernetworks', 'upscalers', 'latent-upscale-modes', 'sd-vae', 'sd-modules'].map((name) =>
      none(`/sdapi/v1/${name}`, []),
    ),
  ],
};

/** An error as A1111's clients read it. */
function a1111Problem(problem: Problem, error: unknown, c: Context) {
  const { status: usual, code } = problem;
  if (usual === 401) c.header('WWW-Authenticate', 'Basic realm="wuerst"');
  const status: Problem['status'] =
    error instanceof WrongField ? 422 : error instanceof PaintingFailed && usual === 400 ? 500 : usual;
  const detail = sentenceOf(problem);
  return { status, body: { error: code, detail, body: '', errors: detail } };
}
