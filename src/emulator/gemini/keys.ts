import { Refusal } from '../answer.ts';
import type { KeyedRequest } from '../manner.ts';
import { badKey } from './errors.ts';

/** The Gemini API takes `x-goog-api-key`, `?key=` or a bearer token; Vertex a bearer token, or such a key where no
 *  project is named. A wrong key is 400, a wrong token 401. Throws Refusal. */
export function checkGeminiKey({ url, headers }: KeyedRequest, keys: readonly string[] | undefined): void {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const header = headers['x-goog-api-key'];
  const query = new URL(url, 'http://emulator').searchParams.get('key');
  const key = typeof header === 'string' && header !== '' ? header : (query ?? undefined);
  if (key === undefined && bearer === undefined) throw missing(url.includes('/projects/'));
  if (keys === undefined || keys.includes(key ?? bearer!)) return;
  if (key === undefined) {
    const message =
      'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.';
    throw new Refusal(401, 'UNAUTHENTICATED', message);
  }
  throw new Refusal(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', { details: [badKey] });
}

function missing(vertex: boolean): Refusal {
  if (vertex) {
    const message =
      'Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential.';
    return new Refusal(401, 'UNAUTHENTICATED', message);
  }
  const message =
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
  return new Refusal(403, 'PERMISSION_DENIED', message);
}
