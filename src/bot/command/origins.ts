import { t, translatable } from '../../texts/translate.ts';

/** Where a value of a request came from, as it is stored: in English, whoever asked. */
export const TYPED = translatable('typed');
export const OLDER = translatable('the earlier picture');

/** What is saved for a person or a place. */
export const DEFAULT_OF = {
  person: translatable('your default'),
  channel: translatable("the channel's default"),
  guild: translatable("the server's default"),
} as const;

/** What a place allows at most. */
export const LIMIT_OF = {
  channel: translatable('the limit of this channel'),
  guild: translatable('the limit of this server'),
} as const;

/** What the buttons that enlarge have chosen. */
const ENLARGED = translatable('Larger');
const KNOWN: ReadonlySet<string> = new Set([
  ...[TYPED, OLDER, ENLARGED],
  ...Object.values(DEFAULT_OF),
  ...Object.values(LIMIT_OF),
]);

export function originOfPreset(name: string): string {
  return `preset ${name}`;
}

/** Of a text that words of a preset stand in. */
export function withOriginOfPreset(own: string, name: string): string {
  return `${own} and ${originOfPreset(name)}`;
}

const OF_PRESET = /^preset (.+)$/s;
const AND_PRESET = /^(.+?) and preset (.+)$/s;

export function presetIn(origin: string): string | undefined {
  return OF_PRESET.exec(origin)?.[1];
}

/** An origin as it is stored, in the reader's language. */
export function originText(origin: string): string {
  if (KNOWN.has(origin)) return t(origin);
  const preset = presetIn(origin);
  if (preset !== undefined) return t('preset {name}', { name: preset });
  const [, own = '', name = ''] = AND_PRESET.exec(origin) ?? [];
  if (KNOWN.has(own)) return t('{origin}, and preset {name}', { origin: t(own), name });
  return origin;
}
