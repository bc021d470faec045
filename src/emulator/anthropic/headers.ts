import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../answer.ts';

export const anthropicVersions = ['2023-06-01', '2026-10-21'] as const;
export type AnthropicVersion = (typeof anthropicVersions)[number];

export interface AnthropicHeaders {
  readonly version: AnthropicVersion;
  /** Any beta lets fields of the beta API pass. */
  readonly beta: boolean;
}

/** `undefined` keys: any key that is not empty. The key comes as `x-api-key` or as a bearer token. Throws Refusal. */
export function checkAnthropicHeaders(
  headers: IncomingHttpHeaders,
  keys: readonly string[] | undefined,
): AnthropicHeaders {
  const single = headers['x-api-key'];
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = typeof single === 'string' && single !== '' ? single : bearer;
  if (key === undefined) throw new Refusal(401, 'authentication_error', 'x-api-key header is required');
  if (keys !== undefined && !keys.includes(key)) {
    const message = single === undefined ? 'Invalid bearer token' : 'invalid x-api-key';
    throw new Refusal(401, 'authentication_error', message);
  }
  const version = headers['anthropic-version'];
  if (version === undefined) throw new Refusal(400, 'invalid_request_error', 'anthropic-version: header is required');
  const known = anthropicVersions.find(candidate => candidate === version);
  if (known === undefined) {
    throw new Refusal(400, 'invalid_request_error', `anthropic-version: "${String(version)}" is not a valid version`);
  }
  return { version: known, beta: headers['anthropic-beta'] !== undefined };
}
