import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../answer.ts';

/** `undefined` keys: any key that is not empty. Throws Refusal. */
export function checkOpenaiHeaders(headers: IncomingHttpHeaders, keys: readonly string[] | undefined): void {
  const key = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (key === undefined) {
    const message =
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
    throw new Refusal(401, 'invalid_request_error', message);
  }
  if (keys === undefined || keys.includes(key)) return;
  const message = `Incorrect API key provided: ${maskKey(key)}. Check the key in your account.`;
  throw new Refusal(401, 'invalid_request_error', message, { code: 'invalid_api_key' });
}

function maskKey(key: string): string {
  return key.length <= 8 ? '*'.repeat(key.length) : `${key.slice(0, 4)}${'*'.repeat(8)}${key.slice(-2)}`;
}
