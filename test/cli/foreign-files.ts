import { crc32, deflateSync } from 'node:zlib';

/** Picture files as other programs write them, without pixels. */

export function png(...chunks: readonly (readonly [type: string, data: Buffer])[]): Buffer {
  const parts = [['IHDR', Buffer.alloc(13)] as const, ...chunks, ['IEND', Buffer.alloc(0)] as const];
  const encoded = parts.flatMap(([type, data]) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return [length, body, sum];
  });
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...encoded]);
}

export const tEXt = (name: string, text: string, encoding: BufferEncoding = 'utf8') =>
  ['tEXt', Buffer.concat([Buffer.from(`${name}\0`), Buffer.from(text, encoding)])] as const;

export const zTXt = (name: string, text: string | Buffer) =>
  ['zTXt', Buffer.concat([Buffer.from(`${name}\0\0`), deflateSync(text)])] as const;

export const iTXt = (name: string, text: string, packed: boolean) =>
  [
    'iTXt',
    Buffer.concat([
      Buffer.from(`${name}\0${packed ? '\x01' : '\0'}\0de\0Name\0`),
      packed ? deflateSync(text) : Buffer.from(text),
    ]),
  ] as const;

/** @param userComment with its prefix; @param camera fields of the first directory, by tag */
export function exif(order: 'II' | 'MM', userComment: Buffer, camera: Readonly<Record<number, string>> = {}): Buffer {
  const big = order === 'MM';
  const number = (value: number, bytes: 2 | 4) => {
    const buffer = Buffer.alloc(bytes);
    if (big) buffer.writeUIntBE(value, 0, bytes);
    else buffer.writeUIntLE(value, 0, bytes);
    return buffer;
  };
  const fields = Object.entries(camera).map(([tag, text]) => ({ tag: Number(tag), data: Buffer.from(`${text}\0`) }));
  const second = 8 + 2 + (fields.length + 1) * 12 + 4;
  let free = second + 2 + 12 + 4;
  const entry = (tag: number, type: number, data: Buffer) => {
    const at = free;
    free += data.length;
    return Buffer.concat([number(tag, 2), number(type, 2), number(data.length, 4), number(at, 4)]);
  };
  const first = fields.map(({ tag, data }) => entry(tag, 2, data));
  const link = Buffer.concat([number(0x8769, 2), number(4, 2), number(1, 4), number(second, 4)]);
  const comment = entry(0x9286, 7, userComment);
  return Buffer.concat([
    ...[Buffer.from(order), number(42, 2), number(8, 4)],
    ...[number(fields.length + 1, 2), ...first, link, number(0, 4)],
    ...[number(1, 2), comment, number(0, 4)],
    ...[...fields.map(({ data }) => data), userComment],
  ]);
}

export function jpeg(...segments: readonly (readonly [marker: number, data: Buffer])[]): Buffer {
  const parts = segments.flatMap(([marker, data]) => {
    const head = Buffer.from([0xff, marker, 0, 0]);
    head.writeUInt16BE(data.length + 2, 2);
    return [head, data];
  });
  return Buffer.concat([Buffer.from([0xff, 0xd8]), ...parts, Buffer.from([0xff, 0xda, 0, 2, 0xff, 0xd9])]);
}

export const exifSegment = (block: Buffer) => [0xe1, Buffer.concat([Buffer.from('Exif\0\0'), block])] as const;
export const xmpSegment = (xml: string) => [0xe1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0${xml}`)] as const;

export function webp(...chunks: readonly (readonly [type: string, data: Buffer])[]): Buffer {
  const body = chunks.flatMap(([type, data]) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(data.length);
    return [Buffer.from(type), length, data, Buffer.alloc(data.length % 2)];
  });
  const content = Buffer.concat([Buffer.from('WEBP'), ...body]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(content.length);
  return Buffer.concat([Buffer.from('RIFF'), length, content]);
}
