/** Properties of XMP, by the EXIF fields that mean the same. */
const PROPERTIES: Readonly<Record<string, string>> = {
  'exif:UserComment': 'UserComment',
  'dc:description': 'ImageDescription',
  'tiff:ImageDescription': 'ImageDescription',
};

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** The texts of an XMP packet. Entities that it defines itself stay as they are, so it cannot grow. */
export function xmpTexts(xml: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [property, name] of Object.entries(PROPERTIES)) {
    const text = attribute(xml, property) ?? element(xml, property);
    if (text !== null && text !== '' && !texts.has(name)) texts.set(name, text);
  }
  return texts;
}

function attribute(xml: string, name: string): string | null {
  for (const quote of ['"', "'"]) {
    const text = between(xml, `${name}=${quote}`, quote);
    if (text !== null) return unescaped(text);
  }
  return null;
}

/** The text of an element, or of the first alternative in it. */
function element(xml: string, name: string): string | null {
  const content = between(xml, `<${name}`, `</${name}>`);
  if (content === null) return null;
  const inner = content.slice(content.indexOf('>') + 1);
  const item = between(inner, '<rdf:li', '</rdf:li>');
  return unescaped(item === null ? inner : item.slice(item.indexOf('>') + 1)).trim();
}

function between(text: string, before: string, after: string): string | null {
  const start = text.indexOf(before);
  if (start < 0) return null;
  const end = text.indexOf(after, start + before.length);
  return end < 0 ? null : text.slice(start + before.length, end);
}

function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,4}));/gi, (whole, decimal, hex, name) => {
    const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : null;
    if (code === null) return ENTITIES[name] ?? whole;
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
