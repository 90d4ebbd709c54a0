import { loraTag, MAX_LORA_WEIGHT, MAX_LORAS } from '../../pipeline/images/lora-tag.ts';
import { t } from '../../texts/translate.ts';
import { NOTICE, type Reply } from '../reply.ts';
import type { KnownLora } from '../request-limits.ts';

/** What `lora:` can name. */
export function lorasReply(loras: readonly KnownLora[]): Reply {
  const [first] = loras;
  if (first === undefined) {
    const line = t('Whoever runs this bot adds them: {command}', {
      command: 'wuerst models pull --lora owner/name',
    });
    return { ...NOTICE, title: t('There are no LoRAs here'), lines: [line] };
  }
  return {
    ...NOTICE,
    title: loras.length === 1 ? t('One LoRA') : t('{count} LoRA | {count} LoRAs', { count: loras.length }),
    lines: [
      t('Up to {count} in a prompt, each with a weight from {least} to {most}:', {
        count: MAX_LORAS,
        least: -MAX_LORA_WEIGHT,
        most: MAX_LORA_WEIGHT,
      }),
    ],
    fields: [{ name: t('Names'), value: loras.map(({ name }) => name).join(', ') }],
    code: `/wuerst a panda on a green background ${loraTag({ name: first.name, weight: 0.8 })}`,
  };
}
