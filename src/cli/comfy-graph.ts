import type { KeyName } from '../bot/command/keys.ts';
import { isPlain, type Json, parsed, record } from './loose-json.ts';

/** Links are followed this far: a graph may be a circle. */
const FARTHEST = 50;
const TEXT_INPUTS = ['text', 'text_g', 'prompt', 'string', 'value', 'positive', 'text_l'];

/** What a ComfyUI graph says of a picture, as far as that can be told from its sampler. */
export interface ComfyFinding {
  readonly prompt: string | null;
  readonly settings: Partial<Record<KeyName, string>>;
}

/** The graph of the `prompt` or `workflow` in a file; ComfyUI keeps those of a WebP in EXIF fields for cameras. */
export function comfyFinding(texts: Readonly<Record<string, string>>): ComfyFinding | null {
  const fields = [texts.Make, texts.Model, texts.ImageDescription, texts.UserComment];
  const labelled = (label: string) =>
    fields.find((field) => field?.slice(0, label.length).toLowerCase() === label)?.slice(label.length);
  const graph = record(parsed(texts.prompt ?? labelled('prompt:'))) ?? record(parsed(texts.UserComment));
  if (graph !== null && Object.values(graph).some((node) => typeof record(node)?.class_type === 'string')) {
    return fromGraph(graph);
  }
  const workflow = record(parsed(texts.workflow ?? labelled('workflow:')));
  return workflow === null || !Array.isArray(workflow.nodes) ? null : { prompt: null, settings: {} };
}

function fromGraph(graph: Json): ComfyFinding {
  const nodes = Object.values(graph).flatMap((node): Json[] => {
    const inputs = record(record(node)?.inputs);
    return inputs === null ? [] : [inputs];
  });
  const sampler = nodes.find((inputs) => 'positive' in inputs && ('seed' in inputs || 'noise_seed' in inputs));
  const negative = sampler && textBehind(graph, sampler.negative, 'negative');
  const latent = nodes.find(
    ({ width, height, batch_size: batch }) => isPlain(width) && isPlain(height) && isPlain(batch),
  );
  const settings: Partial<Record<KeyName, string>> = negative ? { negative } : {};
  const values: readonly [KeyName, unknown][] = [
    ['width', latent?.width],
    ['height', latent?.height],
    ['seed', sampler?.seed ?? sampler?.noise_seed],
    ['steps', sampler?.steps],
    ['guidance', sampler?.cfg],
  ];
  for (const [name, value] of values) if (isPlain(value)) settings[name] = String(value);
  return { prompt: sampler ? textBehind(graph, sampler.positive, 'positive') : null, settings };
}

/** The words that a link leads to, through nodes that pass them on. */
function textBehind(graph: Json, link: unknown, side: 'positive' | 'negative'): string | null {
  let next = link;
  for (let i = 0; i < FARTHEST; i += 1) {
    if (typeof next === 'string') return next.trim() === '' ? null : next;
    const id = Array.isArray(next) ? String(next[0]) : null;
    const inputs = id === null || !Object.hasOwn(graph, id) ? null : record(record(graph[id])?.inputs);
    if (inputs === null) return null;
    next = [side, ...TEXT_INPUTS, 'conditioning', 'conditioning_1'].map((name) => inputs[name]).find((value) => value);
  }
  return null;
}
