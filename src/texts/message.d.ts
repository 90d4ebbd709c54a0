export type Message = string | Readonly<Partial<Record<Intl.LDMLPluralRule, string>>>;
export type Value = string | number | bigint;

export function formatted(text: Message, language: string, values: Readonly<Record<string, Value>>): string;
export function numberText(value: number | bigint, language: string): string;
