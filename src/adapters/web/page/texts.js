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

/** The parts of a text whose braces stand for elements, in the order of the language. */
export function withElements(text, elements) {
  return text.split(/(\{\w+\})/).map((part) => elements[/^\{(\w+)\}$/.exec(part)?.[1]] ?? part);
}
