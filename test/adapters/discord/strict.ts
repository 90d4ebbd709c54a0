import type { APIEmbed } from 'discord.js';

/** What Discord answers to a request that it refuses. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Upload {
  /** The `n` of `files[n]`. */
  readonly index: number;
  readonly name: string;
  readonly bytes: Buffer;
}

export type Json = Record<string, unknown>;

const MESSAGE_KEYS = new Set([
  'content',
  'embeds',
  'components',
  'attachments',
  'allowed_mentions',
  'flags',
  'nonce',
  'enforce_nonce',
  'tts',
]);

function bad(message: string): Refusal {
  return new Refusal(400, 50035, `Invalid Form Body: ${message}`);
}

function check(condition: boolean, message: string): void {
  if (!condition) throw bad(message);
}

function text(value: unknown, min: number, max: number, where: string): string {
  if (typeof value !== 'string') throw bad(`${where} must be a string`);
  check(value.length >= min && value.length <= max, `${where} has ${value.length} characters, not ${min} to ${max}`);
  return value;
}

function list(value: unknown, max: number, where: string): Json[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw bad(`${where} must be a list`);
  check(value.length <= max, `${where} has ${value.length} entries, more than ${max}`);
  return value;
}

function optional(value: unknown, max: number, where: string): number {
  return value === undefined ? 0 : text(value, 0, max, where).length;
}

export function checkEmbeds(value: unknown): APIEmbed[] {
  let total = 0;
  for (const embed of list(value, 10, 'embeds')) {
    total += optional(embed.title, 256, 'embed.title') + optional(embed.description, 4096, 'embed.description');
    const footer = embed.footer as Json | undefined;
    if (footer) total += text(footer.text, 1, 2048, 'embed.footer.text').length;
    for (const field of list(embed.fields, 25, 'embed.fields')) {
      total += text(field.name, 1, 256, 'field.name').length + text(field.value, 1, 1024, 'field.value').length;
    }
    const shown = ['title', 'description', 'footer', 'fields', 'image'].some((key) => embed[key] !== undefined);
    check(shown, 'an embed must not be empty');
  }
  check(total <= 6000, `embeds have ${total} characters, more than 6000`);
  return (value ?? []) as APIEmbed[];
}

export function checkComponents(value: unknown): void {
  const ids = new Set<string>();
  for (const row of list(value, 5, 'components')) {
    check(row.type === 1, 'the top level holds action rows only');
    const parts = list(row.components, 5, 'row.components');
    check(parts.length > 0, 'an action row must not be empty');
    for (const part of parts) {
      const id = text(part.custom_id, 1, 100, 'custom_id');
      check(!ids.has(id), `custom_id ${id} is not unique`);
      ids.add(id);
      if (part.type === 2) {
        text(part.label, 1, 80, 'button.label');
        check([1, 2, 3, 4].includes(Number(part.style)), 'button.style is not one of 1 to 4');
      } else if (part.type === 3) {
        check(parts.length === 1, 'a select menu fills its row');
        const options = list(part.options, 25, 'select.options');
        check(options.length > 0, 'a select menu needs options');
        for (const option of options) {
          text(option.label, 1, 100, 'option.label');
          text(option.value, 1, 100, 'option.value');
        }
        const values = new Set(options.map((option) => option.value));
        check(values.size === options.length, 'option values are not unique');
      } else throw bad(`component type ${part.type} is not for messages`);
    }
  }
}

/** What a message has after the request: kept attachments and uploads, by Discord's rules for both. */
export interface CheckedAttachments {
  readonly kept: readonly string[];
  readonly added: readonly { readonly upload: Upload; readonly description: string }[];
}

export function checkAttachments(
  value: unknown,
  uploads: readonly Upload[],
  existing: readonly string[],
  limit: number,
): CheckedAttachments {
  for (const { name, bytes } of uploads) {
    if (bytes.length > limit) throw new Refusal(413, 40005, `Request entity too large: ${name}`);
  }
  if (value === undefined) {
    return { kept: existing, added: uploads.map((upload) => ({ upload, description: '' })) };
  }
  const kept: string[] = [];
  const added: { upload: Upload; description: string }[] = [];
  for (const entry of list(value, 10, 'attachments')) {
    const description =
      optional(entry.description, 1024, 'attachment.description') > 0 ? String(entry.description) : '';
    const upload = uploads.find(({ index }) => typeof entry.id === 'number' && index === entry.id);
    if (upload) {
      check(
        entry.filename === upload.name,
        `attachment ${entry.id} names ${entry.filename}, its file is ${upload.name}`,
      );
      added.push({ upload, description });
    } else {
      check(existing.includes(String(entry.id)), `attachment ${entry.id} is neither uploaded nor on the message`);
      kept.push(String(entry.id));
    }
  }
  check(added.length === uploads.length, 'an uploaded file is not listed in attachments');
  return { kept, added };
}

/** Checks a message to be sent; the returned violations are of our own rules, not of Discord's. */
export function checkMessage(body: Json, uploads: readonly Upload[]): readonly string[] {
  const violations: string[] = [];
  for (const key of Object.keys(body)) check(MESSAGE_KEYS.has(key), `${key} is not a field of a message`);
  optional(body.content, 2000, 'content');
  if (body.nonce !== undefined) text(body.nonce, 1, 25, 'nonce');
  const embeds = checkEmbeds(body.embeds);
  checkComponents(body.components);
  const empty = [body.content, body.embeds, body.components, body.attachments].every(
    (part) => part === undefined || part === '' || (Array.isArray(part) && part.length === 0),
  );
  if (empty && uploads.length === 0) throw new Refusal(400, 50006, 'Cannot send an empty message');
  for (const embed of embeds) {
    const name = embed.image?.url.replace('attachment://', '');
    check(name === undefined || uploads.some((upload) => upload.name === name), `embed image ${name} is not uploaded`);
  }
  const mentions = body.allowed_mentions as { parse?: unknown[] } | undefined;
  if (!Array.isArray(mentions?.parse) || mentions.parse.length > 0) violations.push('mentions are not switched off');
  return violations;
}

const NAME = /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u;

/** Of https://discord.com/developers/docs/reference#locales those with a translation here. */
const LOCALES = ['de', 'en-US', 'en-GB', 'fr', 'es-ES', 'es-419', 'it', 'nl', 'pl', 'pt-BR', 'ja', 'ko', 'zh-CN'];

/** How many characters a field counts for: those of its longest translation. */
function longest(entry: Json, field: string): number {
  const translations = Object.values((entry[`${field}_localizations`] ?? {}) as Json);
  return Math.max(...[entry[field] ?? '', ...translations].map((value) => String(value).length));
}

function checkLocalised(entry: Json, field: string, max: number, pattern?: RegExp): void {
  for (const locale of Object.keys((entry[`${field}_localizations`] ?? {}) as Json)) {
    check(LOCALES.includes(locale), `${locale} is no locale`);
  }
  for (const [locale, value] of Object.entries((entry[`${field}_localizations`] ?? {}) as Json)) {
    const translated = text(value, 1, max, `${field} in ${locale}`);
    check(
      !pattern || (pattern.test(translated) && translated === translated.toLowerCase()),
      `${translated} is no ${field}`,
    );
  }
}

const OPTION_TYPES = { text: 3, integer: 4, switch: 5, number: 10, attachment: 11 } as const;

function checkBounds(option: Json): void {
  const { type, min_value, max_value, max_length } = option;
  check(
    Object.values(OPTION_TYPES).some((known) => known === type),
    `${type} is no type of option here`,
  );
  const numeric = type === OPTION_TYPES.integer || type === OPTION_TYPES.number;
  check(numeric || (min_value === undefined && max_value === undefined), 'only numbers have bounds');
  for (const bound of [min_value, max_value]) {
    check(bound === undefined || typeof bound === 'number', 'a bound is a number');
    check(
      bound === undefined || type !== OPTION_TYPES.integer || Number.isInteger(bound),
      'integers have whole bounds',
    );
  }
  check(Number(min_value ?? 0) <= Number(max_value ?? Number.MAX_SAFE_INTEGER), 'min_value is above max_value');
  check(max_length === undefined || type === OPTION_TYPES.text, 'only text has a length');
  check(max_length === undefined || (Number(max_length) >= 1 && Number(max_length) <= 6000), 'max_length is 1 to 6000');
  check(option.autocomplete !== true || type !== OPTION_TYPES.switch, 'a switch is not completed');
}

export function checkCommands(value: unknown, global: boolean): void {
  const names = new Set<string>();
  for (const command of list(value, 110, 'commands')) {
    const chat = (command.type ?? 1) === 1;
    const name = text(command.name, 1, 32, 'command.name');
    check(!names.has(`${chat} ${name}`), `there are two commands ${name}`);
    names.add(`${chat} ${name}`);
    const { default_member_permissions: permissions } = command;
    check(permissions === undefined || /^\d+$/.test(String(permissions)), 'permissions are a decimal string');
    for (const key of ['integration_types', 'contexts']) {
      const given = command[key];
      check(given === undefined || (Array.isArray(given) && given.length > 0), `${key} must not be empty`);
    }
    if (chat) {
      check(NAME.test(name) && name === name.toLowerCase(), `${name} is no command name`);
      text(command.description, 1, 100, 'command.description');
    } else check(!command.description && !command.options, 'a context command has neither description nor options');
    checkLocalised(command, 'name', 32, chat ? NAME : undefined);
    checkLocalised(command, 'description', 100);
    if (!global)
      check(!('contexts' in command) && !('integration_types' in command), 'contexts are for global commands');
    let optionalSeen = false;
    const keys = new Set<string>();
    let size = longest(command, 'name') + longest(command, 'description');
    for (const option of list(command.options, 25, 'options')) {
      const key = text(option.name, 1, 32, 'option.name');
      check(NAME.test(key) && key === key.toLowerCase(), `${key} is no option name`);
      check(!keys.has(key), `there are two options ${key}`);
      keys.add(key);
      checkBounds(option);
      checkLocalised(option, 'name', 32, NAME);
      checkLocalised(option, 'description', 100);
      text(option.description, 1, 100, `description of ${key}`);
      size += longest(option, 'name') + longest(option, 'description');
      check(!(option.required === true && optionalSeen), 'required options come first');
      optionalSeen ||= option.required !== true;
      check(!(option.autocomplete === true && option.choices !== undefined), 'autocomplete excludes choices');
    }
    check(size <= 8000, 'a command has at most 8000 characters');
  }
}

export function checkChoices(value: unknown): void {
  for (const choice of list(value, 25, 'choices')) {
    text(choice.name, 1, 100, 'choice.name');
    if (typeof choice.value === 'string') text(choice.value, 1, 100, 'choice.value');
  }
}

export function checkModal(data: Json): void {
  text(data.custom_id, 1, 100, 'custom_id');
  text(data.title, 1, 45, 'title');
  const rows = list(data.components, 5, 'components');
  check(rows.length > 0, 'a modal needs components');
  for (const row of rows) {
    check(row.type === 18, 'modal parts stand in labels');
    text(row.label, 1, 45, 'label');
    const input = row.component as Json;
    check(input.type === 4, 'the label holds a text input');
    text(input.custom_id, 1, 100, 'input.custom_id');
    check(Number(input.max_length) >= 1 && Number(input.max_length) <= 4000, 'max_length is 1 to 4000');
    optional(input.value, Number(input.max_length), 'input.value');
  }
}
