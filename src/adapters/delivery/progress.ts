import type { Reply } from '../../bot/reply.ts';

const WIDTH = 12;

/** `▰▰▰▱▱▱▱▱▱▱▱▱ 25 % Stage C`; the label is untrusted and stays unescaped. */
export function progressBar({ fraction, label }: NonNullable<Reply['progress']>): string {
  const share = Math.min(1, Math.max(0, fraction));
  const filled = Math.round(share * WIDTH);
  return `${'▰'.repeat(filled)}${'▱'.repeat(WIDTH - filled)} ${Math.floor(share * 100)} % ${label}`.trimEnd();
}

/** `preview.png` or `preview.jpg`, by the first byte. */
export function previewName(image: Uint8Array): string {
  return image[0] === 0x89 ? 'preview.png' : 'preview.jpg';
}
