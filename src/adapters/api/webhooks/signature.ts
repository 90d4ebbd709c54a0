import { createHmac } from 'node:crypto';

/** What a program checks messages with. It is made of the installation's own secret, and stored nowhere. */
export function webhookSecret(installation: Uint8Array, keyId: string): string {
  return `whsec_${createHmac('sha256', installation).update(`webhook ${keyId}`).digest('base64')}`;
}

/** Headers of a message as Standard Webhooks has them. @see https://www.standardwebhooks.com */
export function signedHeaders(secret: string, { id, body, now }: { id: string; body: string; now: number }) {
  const timestamp = String(Math.floor(now / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
    'content-type': 'application/json',
  };
}
