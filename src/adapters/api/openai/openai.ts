import { UserError } from '../../../system/errors.ts';
import { notFound } from '../../web/server/problems.ts';
import { endpoint, openEndpoint } from '../serving/endpoint.ts';
import type { Interface } from '../serving/interface.ts';
import { PICTURE_FORMATS, pictureFile } from '../serving/picture-files.ts';
import { answerStream, answerWhole } from './answering.ts';
import { openAiAnswer } from './problems.ts';
import { ofEdit, ofGeneration, ofVariation } from './request.ts';
import { EDIT, GENERATION, MODEL, MODELS, PICTURES, PROBLEM, STREAM_EVENT, VARIATION } from './schemas.ts';

const PAINTED = {
  200: [
    { description: 'The pictures.', schema: PICTURES },
    { description: 'Or events, where a stream was asked for.', schema: STREAM_EVENT, type: 'text/event-stream' },
  ],
};
const FORM = ['multipart/form-data'];

/** OpenAI's interface for pictures. */
export const OPENAI: Interface = {
  name: 'OpenAI images',
  under: '/v1/*',
  problemSchema: PROBLEM,
  problem: openAiAnswer,
  endpoints: [
    endpoint({
      ...{ method: 'post', path: '/v1/images/generations', summary: 'Paint pictures of words.' },
      body: { schema: GENERATION },
      answers: PAINTED,
      handle(call, { body }) {
        const request = ofGeneration(call, body);
        if (body.stream !== true) return answerWhole(call, request);
        return answerStream(call, request, 'image_generation', body.partial_images ?? 0);
      },
    }),
    endpoint({
      ...{ method: 'post', path: '/v1/images/edits', summary: 'Paint from pictures, or parts of one anew.' },
      body: { schema: EDIT, types: FORM },
      answers: PAINTED,
      async handle(call, { body }) {
        const request = await ofEdit(call, body);
        if (body.stream !== true) return answerWhole(call, request);
        return answerStream(call, request, 'image_edit', body.partial_images ?? 0);
      },
    }),
    endpoint({
      ...{ method: 'post', path: '/v1/images/variations', summary: 'Vary a picture.' },
      body: { schema: VARIATION, types: FORM },
      answers: { 200: [{ description: 'The pictures.', schema: PICTURES }] },
      handle: async (call, { body }) => answerWhole(call, await ofVariation(call, body)),
    }),
    endpoint({
      ...{ method: 'get', path: '/v1/models', summary: 'The model in use.' },
      answers: { 200: [{ description: 'A list of one.', schema: MODELS }] },
      handle: ({ api, c }) => c.json({ object: 'list', data: [modelJson(api.web.core.limits().model)] }),
    }),
    endpoint({
      ...{ method: 'get', path: '/v1/models/{model}', summary: 'The model in use, by its name.' },
      answers: { 200: [{ description: 'The model.', schema: MODEL }] },
      handle({ api, c }) {
        const { model } = api.web.core.limits();
        if (c.req.param('model') === model) return c.json(modelJson(model));
        throw new UserError('model_not_found', 'There is no such model here.', {
          hint: `The model in use is ${model}.`,
        });
      },
    }),
    openEndpoint({
      ...{ method: 'get', path: '/v1/images/files/{file}', summary: 'A picture, by a link that was answered.' },
      answers: {
        200: PICTURE_FORMATS.map((format) => ({ description: `A ${format}.`, type: `image/${format}` })),
      },
      async handle(api, c) {
        const file = c.req.param('file') ?? '';
        const [id = '', ending] = file.split('.');
        const format = PICTURE_FORMATS.find((one) => one === ending);
        const isValid = api.links.isValid(file, c.req.query('expires') ?? '', c.req.query('signature') ?? '');
        if (!isValid || format === undefined) throw notFound('This link is wrong, or has ended.');
        const bytes = await pictureFile(api.web.core, id, undefined, { format });
        c.header('Cache-Control', 'private, max-age=3600');
        return c.body(new Uint8Array(bytes), 200, { 'Content-Type': `image/${format}` });
      },
    }),
  ],
};

function modelJson(id: string) {
  return { id, object: 'model', created: 0, owned_by: 'wuerst' } as const;
}
