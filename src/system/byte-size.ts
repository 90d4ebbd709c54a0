import { currentLanguage } from '../texts/language.ts';

/** `3.97 GB`, `62.9 MB`, `180 B`: decimal units, as the hub shows them; numbers as the reader's language writes them. */
export function byteSize(bytes: number): string {
  if (bytes >= 1e9) return `${decimals(bytes / 1e9, 2)} GB`;
  if (bytes >= 1e6) return `${decimals(bytes / 1e6, 1)} MB`;
  if (bytes >= 1e3) return `${decimals(bytes / 1e3, 1)} kB`;
  return `${bytes} B`;
}

/** A number with so many digits behind the decimal point, or comma. */
export function decimals(value: number, digits: number): string {
  const language = currentLanguage();
  const options = { useGrouping: false, minimumFractionDigits: digits, maximumFractionDigits: digits };
  return language === 'en' ? value.toFixed(digits) : new Intl.NumberFormat(language, options).format(value);
}
