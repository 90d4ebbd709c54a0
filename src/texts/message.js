/** What separates the forms for one and for more. */
const FORMS = ' | ';

/**
 * A text with its values. The page in the browser uses this module too.
 *
 * @param {string | Partial<Record<Intl.LDMLPluralRule, string>>} text the translation, or the source itself
 * @param {string} language BCP 47
 * @param {Record<string, string | number | bigint>} values numbers are written as the language does, strings stay as they are
 */
export function formatted(text, language, values) {
  return formOf(text, language, values.count).replace(/\{(\w+)\}/g, (braces, name) => {
    const value = values[name];
    if (value === undefined) return braces;
    return typeof value === 'string' ? value : numberText(value, language);
  });
}

function formOf(text, language, count) {
  if (typeof text === 'string' && (count === undefined || !text.includes(FORMS))) return text;
  const category = new Intl.PluralRules(language).select(Number(count));
  if (typeof text !== 'string') return text[category] ?? text.other;
  const [one, other] = text.split(FORMS);
  return category === 'one' ? one : other;
}

/** Without marks between thousands: numbers are often copied back into a command. */
export function numberText(value, language) {
  return new Intl.NumberFormat(language, { useGrouping: false, maximumFractionDigits: 20 }).format(value);
}
