import { formatted } from './message.js';

let language = 'en';
let translations = {};

/** Called once, by the module that the server writes for a reader of another language, before everything else runs. */
export function speak(wanted, texts) {
  language = wanted;
  translations = texts;
}

/** BCP 47. */
export function pageLanguage() {
  return language;
}

/** A text in the reader's language, as `t` of the bot gives it. Braces without a value stay. */
export function t(source, values = {}) {
  return formatted(translations[source] ?? source, language, values);
}

/** A number with so many digits behind its point. */
export function decimal(value, digits) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
  return new Intl.NumberFormat(language, options).format(value);
}

/** A whole number with the language's marks between thousands: to be read, not to be copied into a command. */
export function grouped(value) {
  return new Intl.NumberFormat(language).format(value);
}

/** The parts of a text whose braces stand for elements, in the order of the language. */
export function withElements(text, elements) {
  return text.split(/(\{\w+\})/).map((part) => elements[/^\{(\w+)\}$/.exec(part)?.[1]] ?? part);
}
