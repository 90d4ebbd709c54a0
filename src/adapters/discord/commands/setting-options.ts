import { KEYS, type KeyName, type SettingKey } from '../../../bot/command/parse.ts';

/** A setting of the command grammar as a native option. */
export interface SettingOption {
  /** The name that people see. */
  readonly name: string;
  /** Its key in the grammar. */
  readonly key: SettingKey;
  /** German name and description. */
  readonly de: readonly [name: string, description: string];
  /** Values are offered while it is typed. */
  readonly autocomplete: boolean;
}

const GERMAN: Readonly<Record<KeyName, readonly [name: string, description: string]>> = {
  size: ['format', 'Breite und Höhe in Pixeln, etwa 1024x1536'],
  width: ['breite', 'Breite in Pixeln (sonst 1024)'],
  height: ['höhe', 'Höhe in Pixeln (sonst 1024)'],
  ar: ['seitenverhältnis', 'Seitenverhältnis, etwa 2:3'],
  n: ['bilder', 'Wie viele Bilder, 1 bis 10 (sonst 1)'],
  style: ['stil', 'interpolated, base, aesthetic oder eine Zahl von 0 (base) bis 1 (aesthetic)'],
  negative: ['ohne', 'Was nicht im Bild sein soll'],
  seed: ['startwert', 'Gleicher Startwert und gleiche Einstellungen geben das gleiche Bild'],
  steps: ['schritte', 'Schritte der ersten Stufe: mehr ist langsamer und feiner'],
  'decoder-steps': ['decoder-schritte', 'Schritte der zweiten Stufe (sonst 12)'],
  guidance: ['führung', 'Wie genau dem Text gefolgt wird (sonst 4)'],
  'decoder-guidance': ['decoder-führung', 'Dasselbe für die zweite Stufe (sonst 0)'],
  spoiler: ['spoiler', 'Die Bilder hinter einer Abdeckung zeigen'],
};

/** Names that say more than the key, where there is no room for an explanation. */
const NAMES: Readonly<Partial<Record<KeyName, string>>> = { n: 'images' };
const COMPLETED: readonly KeyName[] = ['size', 'width', 'height', 'ar', 'style'];

/** Every key of the grammar. */
export const SETTING_OPTIONS: readonly SettingOption[] = KEYS.map((key) => ({
  name: NAMES[key.name] ?? key.name,
  key,
  de: GERMAN[key.name],
  autocomplete: COMPLETED.includes(key.name),
}));
