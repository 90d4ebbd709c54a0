export interface IncomingOptions {
  /** The bot's own user id: its mention is how it was called, not what was said. */
  readonly self?: string;
  /** Names of mentioned people, where Slack sends only ids. */
  readonly nameOf?: (userId: string) => string | undefined;
}

/**
 * What a person typed, from what Slack sends: entities, mentions, links, emoji codes and typographic quotes undone.
 * https://docs.slack.dev/messaging/formatting-message-text
 */
export function typedText(sent: string, options: IncomingOptions = {}): string {
  const plain = sent.replace(/<([^<>]*)>|[^<]+|</g, (part, token: string | undefined) =>
    token === undefined ? straighten(emojiWords(decodeEntities(part))) : decodeEntities(tokenText(token, options)),
  );
  return plain.replace(/[\u00a0\u202f]/g, ' ').trim();
}

/** What a person typed into a form: as `typedText`, where Slack marks up nothing but emoji. */
export function typedIntoForm(sent: string): string {
  return straighten(emojiWords(decodeEntities(sent))).trim();
}

/** Ids of the people that `sent` mentions without a name. */
export function mentionedIds(sent: string): string[] {
  return [...new Set([...sent.matchAll(/<@([UW][A-Z0-9]+)>/g)].flatMap((match) => match[1] ?? []))];
}

function tokenText(token: string, { self, nameOf }: IncomingOptions): string {
  const bar = token.indexOf('|');
  const target = bar < 0 ? token : token.slice(0, bar);
  const label = bar < 0 ? '' : token.slice(bar + 1);
  if (target.startsWith('@')) {
    const id = target.slice(1);
    return id === self ? '' : `@${label || nameOf?.(id) || id}`;
  }
  if (target.startsWith('#')) return `#${label || target.slice(1)}`;
  if (target.startsWith('!date^')) return label;
  if (target.startsWith('!subteam^')) return label || '@group';
  if (target.startsWith('!')) return `@${target.slice(1)}`;
  return label || target.replace(/^mailto:/, '');
}

function decodeEntities(text: string): string {
  return text.replace(/&(lt|gt|amp);/g, (_entity, name: 'lt' | 'gt' | 'amp') => ({ lt: '<', gt: '>', amp: '&' })[name]);
}

/** Only codes that stand alone: `10:30:45` and `a:b:c` are not emoji. */
const EMOJI = /(?<=^|\s|:)(?<![\w]:):([a-z0-9][a-z0-9_'-]*|[+-]1):(?=$|\s|[:.,;!?)])/g;
const EMOJI_WORDS: Readonly<Record<string, string>> = { '+1': 'thumbs up', '-1': 'thumbs down' };

function emojiWords(text: string): string {
  return text
    .replace(/:skin-tone-[2-6]:/g, '')
    .replace(EMOJI, (_code, name: string) => EMOJI_WORDS[name] ?? name.replace(/[_-]+/g, ' '));
}

/** A dash that begins a word was typed as `--` and made long by the keyboard. */
function straighten(text: string): string {
  return text
    .replace(/[“”„‟]/g, '"')
    .replace(/[‘’‚‛]/g, "'")
    .replace(/(?<=^|\s)[–—](?=[A-Za-z])/g, '--');
}
