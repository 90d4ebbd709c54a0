import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { CallToolResult, ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import { type Caller, type Job, titleOf } from '../../../bot/job.ts';
import { lackText } from '../../../bot/replies/lack-text.ts';
import { defaultSize } from '../../../bot/request-limits.ts';
import { UserError } from '../../../system/errors.ts';
import type { Core } from '../../adapter.ts';
import { sentenceOf } from '../serving/interface.ts';
import type { Paintings, Progress } from '../serving/paintings.ts';
import { pictureFile, picturesToAnswer, smallPicture } from '../serving/picture-files.ts';
import { literalPrompt, weightedPrompt } from '../serving/prompt-words.ts';
import { MODEL, MOST_PICTURES, PAINT, SHOW, SHOWN, type Shown, VARY, WAYS } from './schemas.ts';

/** Of the protocol: there is no such resource. */
const NO_RESOURCE = -32002;

/** Who uses the tools, and what they work on. */
export interface Studio {
  readonly core: Core;
  readonly paintings: Paintings;
  readonly caller: Caller;
  readonly version: string;
  /** A link to a picture's whole file, where there is a server that answers it. */
  readonly link?: (imageId: string) => string;
  /** Told of what only the operator can mend; its words stay here. */
  readonly onProblem: (error: unknown) => void;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const INSTRUCTIONS =
  'Paints pictures with Würstchen v2. Answers hold small JPEGs to look at; the whole PNG is the resource wuerst://pictures/{id}.png.';

/** Without these, clients take a tool for one that destroys things and reaches the internet. */
const MAKES = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false } as const;
const READS = { readOnlyHint: true, openWorldHint: false } as const;

/** The tools of the model context protocol: `paint`, `vary`, `show` and `models`. */
export function mcpServer(studio: Studio): McpServer {
  const { core, caller, paintings, version } = studio;
  const server = new McpServer({ name: 'wuerst', version }, { instructions: INSTRUCTIONS });
  const painted = async (painting: AsyncGenerator<Progress, Job>, extra: Extra) =>
    shown(studio, await followed(painting, extra));

  server.registerTool(
    'paint',
    {
      ...{ title: 'Paint', description: 'Paints pictures of words. Takes some seconds for each.' },
      ...{ inputSchema: PAINT, outputSchema: SHOWN, annotations: MAKES },
    },
    ({ prompt, negative, count = 1, seed, ...settings }, extra) =>
      answered(studio, async () => {
        const words = [weightedPrompt(prompt), ...(negative?.trim() ? [`negative:${literalPrompt(negative)}`] : [])];
        const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
        const options = { ...given, n: count, ...(seed === undefined ? {} : { seed: String(seed) }) };
        return painted(paintings.paint({ prompt: words.join(' '), options }, caller, extra.signal), extra);
      }),
  );
  server.registerTool(
    'vary',
    {
      ...{ title: 'Vary', description: 'Makes a new picture of an earlier one.' },
      ...{ inputSchema: VARY, outputSchema: SHOWN, annotations: MAKES },
    },
    ({ picture, how, prompt }, extra) =>
      answered(studio, async () => {
        if (prompt !== undefined && how !== 'remix') throw wordsUnused(how);
        const action = `${WAYS[how]}:${picture}`;
        const text = prompt === undefined ? undefined : weightedPrompt(prompt);
        return painted(paintings.derive({ action, text }, caller, extra.signal), extra);
      }),
  );
  server.registerTool(
    'show',
    {
      ...{ title: 'Show', description: 'Shows an earlier request and its pictures.' },
      ...{ inputSchema: SHOW, outputSchema: SHOWN, annotations: READS },
    },
    ({ id }) => answered(studio, () => shown(studio, ownJob(studio, id), id)),
  );
  server.registerTool(
    'models',
    {
      ...{ title: 'Models', description: 'Lists the model in use, its styles, sizes, LoRAs and presets.' },
      ...{ outputSchema: MODEL, annotations: READS },
    },
    () => answered(studio, async () => structured(modelOf(studio))),
  );
  server.registerResource(
    'picture',
    new ResourceTemplate('wuerst://pictures/{id}.png', { list: undefined }),
    { title: 'A picture', description: 'The whole PNG of a picture.', mimeType: 'image/png' },
    async (uri, { id }) => {
      try {
        ownJob(studio, String(id));
        const file = await pictureFile(core, String(id), caller, { format: 'png' });
        return { contents: [{ uri: uri.href, mimeType: 'image/png', blob: file.toString('base64') }] };
      } catch (error) {
        throw Object.assign(new Error(told(studio, error)), { code: NO_RESOURCE });
      }
    },
  );
  return server;
}

/** By the protocol progress only grows, also where there is news without any. */
const NEWS = 0.01;

/** Tells how far it is, or why it cannot start, to clients that asked for that. */
async function followed(painting: AsyncGenerator<Progress, Job>, { _meta, sendNotification }: Extra): Promise<Job> {
  const progressToken = _meta?.progressToken;
  let told = 0;
  let latest = '';
  let next = await painting.next();
  for (; !next.done; next = await painting.next()) {
    const { value } = next;
    if (progressToken === undefined || (value.type === 'queued' && value.lack === undefined)) continue;
    const message = messageOf(value);
    const progress = value.type === 'step' ? Math.round(value.fraction * 100) : told + NEWS;
    if (progress <= told || message === latest) continue;
    told = progress;
    latest = message;
    const params = { progressToken, progress: told, total: 100, message };
    await sendNotification({ method: 'notifications/progress', params });
  }
  return next.value;
}

function messageOf(value: Progress): string {
  if (value.type === 'step') return `${value.stage}: step ${value.step} of ${value.total}`;
  return value.lack === undefined ? '' : lackText(value.lack);
}

/** What there is of a request, with small pictures. @param only shows one of them */
async function shown({ core, caller, link }: Studio, job: Job, only?: string): Promise<CallToolResult> {
  const found = picturesToAnswer(core, job, caller);
  const images = found.images.filter(({ id }) => only === undefined || only === job.id || id === only);
  const pictures = images.map(({ id, seed, width, height }) => ({
    ...{ id, seed: seed.toString(), width, height, resource: `wuerst://pictures/${id}.png` },
    ...(link === undefined ? {} : { url: link(id) }),
  }));
  const failure = job.error === null ? [] : [job.error.message];
  const notes = [...failure, ...found.notes, ...job.notes];
  const facts: Shown = { request: job.id, state: job.state, prompt: titleOf(job.request), pictures, notes };
  const small = await Promise.all(
    images.map(async ({ id }) => {
      const data = (await smallPicture(core, id, caller)).toString('base64');
      return { type: 'image', mimeType: 'image/jpeg', data } as const;
    }),
  );
  const { content, structuredContent } = structured(facts);
  return { content: [...content, ...small], structuredContent };
}

/** The same as text, for clients that read nothing else. */
function structured(facts: Record<string, unknown>) {
  const text = { type: 'text', text: JSON.stringify(facts, null, 2) } as const;
  return { content: [text], structuredContent: facts };
}

/** @throws UserError `image_unknown` for what is unknown, or of others */
function ownJob({ core, caller }: Studio, id: string): Job {
  const job = core.job(id) ?? core.jobOfImage(id);
  if (job !== null && job.caller.surface === caller.surface && job.caller.user === caller.user) return job;
  throw new UserError('image_unknown', `Nothing of yours is known under the id ${id.slice(0, 32)}.`);
}

/** A model that is not told takes its words for painted. */
function wordsUnused(how: string): UserError {
  return new UserError('prompt_unused', `Only a remix takes new words: leave out prompt for ${how}.`, {
    hint: 'Or send remix as how.',
  });
}

function modelOf({ core, caller }: Studio) {
  const limits = core.limits(caller);
  return {
    model: limits.model,
    styles: [...limits.styles],
    loras: (limits.loras ?? []).map(({ name }) => name),
    presets: [...(limits.presets ?? [])],
    usualSize: { ...defaultSize(limits) },
    sides: { min: limits.minSide, max: limits.maxSide },
    maxPixels: limits.maxPixels,
    maxCount: Math.min(MOST_PICTURES, limits.maxImages),
    examples: [...limits.recommended.ideas],
  };
}

/** Errors go to the model, which may mend its call. */
async function answered(studio: Studio, answer: () => Promise<CallToolResult>): Promise<CallToolResult> {
  try {
    return await answer();
  } catch (error) {
    return { isError: true, content: [{ type: 'text', text: told(studio, error) }] };
  }
}

/** The words of an error that may go outside. */
function told({ onProblem }: Studio, error: unknown): string {
  if (error instanceof UserError) return sentenceOf({ message: error.message, hint: error.hint ?? null });
  if (!(error instanceof Error && error.name === 'AbortError')) onProblem(error);
  return 'Something went wrong. It has been logged for whoever runs this bot.';
}
