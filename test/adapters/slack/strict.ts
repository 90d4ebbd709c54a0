/** What Slack refuses in messages and views. https://docs.slack.dev/reference/block-kit */

export type Json = Record<string, unknown>;

/** An answer of `{ ok: false, error }`. */
export class Refusal extends Error {
  readonly code: string;
  readonly details: readonly string[];
  constructor(code: string, ...details: string[]) {
    super(code);
    this.code = code;
    this.details = details;
  }
}

export interface Rules {
  /** Whether a file can be shown. */
  readonly fileReady: (id: string) => boolean;
  /** Told of what Slack would accept and people would suffer from: mentions, links. */
  readonly violation: (what: string) => void;
}

type Surface = 'message' | 'modal' | 'home';

const MOST_BLOCKS: Record<Surface, number> = { message: 50, modal: 100, home: 100 };
const KINDS: Record<Surface, readonly string[]> = {
  message: ['section', 'context', 'actions', 'image', 'divider', 'header'],
  modal: ['section', 'context', 'actions', 'image', 'divider', 'header', 'input'],
  home: ['section', 'context', 'actions', 'image', 'divider', 'header', 'input'],
};
/** Reported, not documented: all blocks of a message together, in characters of their JSON. */
const MOST_CHARACTERS = 13_200;

const FILE_ID = /^F[A-Z0-9]{8,}$/;

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(what: string, pointer: string): Refusal {
  return new Refusal('invalid_blocks', `[ERROR] ${what} [json-pointer:${pointer}]`);
}

export function checkText(text: unknown, mostBytes: number, rules: Rules): string {
  if (typeof text !== 'string' || text === '') throw new Refusal('no_text');
  if (Buffer.byteLength(text) > mostBytes) throw new Refusal('msg_too_long');
  checkMarkup(text, rules);
  return text;
}

/** Nothing but dates may be between angle brackets. */
function checkMarkup(text: string, rules: Rules): void {
  const rest = text.replace(/<!date\^\d+\^\{[a-z_]+\}\|[^<>|]*>/g, '');
  if (/[<>]/.test(rest)) rules.violation(`markup in ${JSON.stringify(text)}`);
  if (/&(?!amp;|lt;|gt;)/.test(rest)) rules.violation(`a bare & in ${JSON.stringify(text)}`);
  if (!text.isWellFormed()) rules.violation(`half a character in ${JSON.stringify(text)}`);
}

export function checkBlocks(blocks: unknown, surface: Surface, rules: Rules): Json[] {
  if (!Array.isArray(blocks)) throw new Refusal('invalid_blocks_format');
  if (blocks.length === 0 || blocks.length > MOST_BLOCKS[surface]) throw invalid('number of blocks', '/blocks');
  if (surface === 'message' && JSON.stringify(blocks).length > MOST_CHARACTERS)
    throw new Refusal('msg_blocks_too_long');
  const ids = new Set<unknown>();
  return blocks.map((block: unknown, index) => {
    const at = `/blocks/${index}`;
    if (!isRecord(block) || !KINDS[surface].includes(String(block.type))) throw invalid('unsupported type', at);
    if (block.block_id !== undefined) {
      string(block.block_id, 1, 255, `${at}/block_id`);
      if (ids.has(block.block_id)) throw invalid('block_id is not unique', at);
      ids.add(block.block_id);
    }
    checkBlock(block, at, rules);
    return block;
  });
}

function checkBlock(block: Json, at: string, rules: Rules): void {
  if (block.type === 'header') textObject(block.text, 150, `${at}/text`, rules, ['plain_text']);
  if (block.type === 'section') section(block, at, rules);
  if (block.type === 'context') {
    for (const element of list(block.elements, 10, at)) textObject(element, 3000, `${at}/elements`, rules);
  }
  if (block.type === 'actions') {
    const elements = list(block.elements, 25, at);
    for (const element of elements) button(element, `${at}/elements`, rules);
    const ids = elements.map((element) => (isRecord(element) ? element.action_id : null));
    if (new Set(ids).size < ids.length) throw invalid('action_id is not unique', `${at}/elements`);
  }
  if (block.type === 'image') {
    string(block.alt_text, 1, 2000, `${at}/alt_text`);
    const file = isRecord(block.slack_file) ? block.slack_file.id : undefined;
    if (typeof file !== 'string' || !FILE_ID.test(file)) throw invalid(`must match ${FILE_ID}`, `${at}/slack_file/id`);
    if (!rules.fileReady(file)) throw invalid('invalid slack file', `${at}/slack_file`);
  }
  if (block.type === 'input') input(block, at, rules);
}

function section({ text, fields }: Json, at: string, rules: Rules): void {
  if (text === undefined && fields === undefined) throw invalid('text or fields are needed', at);
  if (text !== undefined) textObject(text, 3000, `${at}/text`, rules);
  if (fields === undefined) return;
  for (const field of list(fields, 10, `${at}/fields`)) textObject(field, 2000, `${at}/fields`, rules);
}

function button(value: unknown, at: string, rules: Rules): void {
  if (!isRecord(value) || value.type !== 'button') throw invalid('unsupported element', at);
  textObject(value.text, 75, `${at}/text`, rules, ['plain_text']);
  string(value.action_id, 1, 255, `${at}/action_id`);
  if (value.value !== undefined) string(value.value, 1, 2000, `${at}/value`);
  if (value.style !== undefined && !['primary', 'danger'].includes(String(value.style))) throw invalid('style', at);
  if (value.confirm === undefined) return;
  const { confirm } = value;
  if (!isRecord(confirm)) throw invalid('confirm', at);
  textObject(confirm.title, 100, `${at}/confirm/title`, rules, ['plain_text']);
  textObject(confirm.text, 300, `${at}/confirm/text`, rules);
  textObject(confirm.confirm, 30, `${at}/confirm/confirm`, rules, ['plain_text']);
  textObject(confirm.deny, 30, `${at}/confirm/deny`, rules, ['plain_text']);
}

function input(block: Json, at: string, rules: Rules): void {
  textObject(block.label, 2000, `${at}/label`, rules, ['plain_text']);
  const { element } = block;
  if (!isRecord(element) || element.type !== 'plain_text_input') throw invalid('unsupported element', at);
  const most = Number(element.max_length ?? 3000);
  if (!(most >= 1 && most <= 3000)) throw invalid('max_length is 1 to 3000', at);
  if (element.initial_value !== undefined) string(element.initial_value, 1, most, `${at}/element/initial_value`);
}

function textObject(value: unknown, most: number, at: string, rules: Rules, types = ['plain_text', 'mrkdwn']): void {
  if (!isRecord(value) || !types.includes(String(value.type))) throw invalid('not a text object', at);
  checkMarkup(string(value.text, 1, most, at), rules);
  const wrong = value.type === 'mrkdwn' ? value.emoji : value.verbatim;
  if (wrong !== undefined) throw invalid('emoji is for plain_text, verbatim for mrkdwn', at);
  // Formatting must not come from a prompt: literal text is plain, code is fenced.
  if (value.type === 'mrkdwn' && value.verbatim !== true)
    rules.violation(`links are made in ${JSON.stringify(value.text)}`);
}

function string(value: unknown, least: number, most: number, at: string): string {
  if (typeof value !== 'string' || value.length < least || value.length > most) {
    throw invalid(`must have ${least} to ${most} characters`, at);
  }
  return value;
}

function list(value: unknown, most: number, at: string): unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > most)
    throw invalid(`must have 1 to ${most} items`, at);
  return value;
}

export function checkView(view: unknown, surface: 'modal' | 'home', rules: Rules): Json {
  if (!isRecord(view) || view.type !== surface) throw new Refusal('invalid_arguments', 'type');
  checkBlocks(view.blocks, surface, rules);
  if (surface === 'modal') {
    textObject(view.title, 24, '/title', rules, ['plain_text']);
    textObject(view.submit, 24, '/submit', rules, ['plain_text']);
    textObject(view.close, 24, '/close', rules, ['plain_text']);
  }
  if (view.callback_id !== undefined) string(view.callback_id, 1, 255, '/callback_id');
  if (view.private_metadata !== undefined) string(view.private_metadata, 0, 3000, '/private_metadata');
  return view;
}
