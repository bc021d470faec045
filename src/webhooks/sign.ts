import { createHmac, randomBytes } from 'node:crypto';

/** Form of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, 2026-11): the key of the HMAC is what
 *  follows `whsec_`, as bytes; what is signed is id, seconds since 1970 and body, joined by dots. */
const secretPrefix = 'whsec_';
const secretBytes = 32;

export function mintWebhookSecret(random: (bytes: number) => Buffer = randomBytes): string {
  return `${secretPrefix}${random(secretBytes).toString('base64')}`;
}

export interface SignedMessage {
  readonly id: string;
  readonly atMs: number;
  readonly body: string;
}

/** The three headers. Two secrets, while one takes the place of the other, make two signatures. */
export function signatureHeaders(
  { id, atMs, body }: SignedMessage,
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  const seconds = Math.floor(atMs / 1_000).toString();
  const signatures = secrets.map(secret => {
    const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') };
}
