import { inLanguage, type Language } from '../../../texts/language.ts';
import { t, translationsFor } from '../../../texts/translate.ts';

/** Loaded before the modules of the page. */
export function textsModule(language: Language, modules: Iterable<string>): string {
  const translations = translationsFor(language);
  const known = [...sourcesOf(modules)].filter((source) => Object.hasOwn(translations, source)).sort();
  const texts = Object.fromEntries(known.map((source) => [source, translations[source]]));
  return `import { speak } from './texts.js';\nspeak(${JSON.stringify(language)}, ${JSON.stringify(texts)});\n`;
}

const CALL = /\bt\(\s*(?:'((?:\\.|[^'\\\n])*)'|"((?:\\.|[^"\\\n])*)")/g;

/** The texts that modules ask for: each is a literal, as the test of the catalogue holds. */
function sourcesOf(modules: Iterable<string>): ReadonlySet<string> {
  const sources = new Set<string>();
  for (const module of modules) {
    for (const [, single, double = ''] of module.matchAll(CALL))
      sources.add((single ?? double).replace(/\\(.)/g, '$1'));
  }
  return sources;
}

const PLACE = /\{\{(.+?)\}\}/g;

/** HTML with its texts, between double braces, in a language. `[Enter]` is a key to press. */
export function localisedHtml(html: string, language: Language): string {
  const text = (source: string) => escaped(translated(source, language)).replace(/\[(\w+)\]/g, '<kbd>$1</kbd>');
  return html
    .replace('<html lang="en">', `<html lang="${language}">`)
    .replace(PLACE, (_all, source: string) => text(source));
}

/** JSON with its texts, between double braces inside of strings, in a language. */
export function localisedJson(json: string, language: Language): string {
  return json.replace(PLACE, (_all, source: string) => JSON.stringify(translated(source, language)).slice(1, -1));
}

/** The texts of these files are known when they are read, and all of them are in the catalogue. */
function translated(source: string, language: Language): string {
  return inLanguage(language, () => t<string>(source));
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
