import type { IncomingHttpHeaders } from 'undici/types/header.d.ts';

/** A provider's end-to-end response headers as Node's raw list, for relaying in the same dialect. */
export function relayHeaders(headers: IncomingHttpHeaders, withLength: boolean): string[] {
  const raw: string[] = [];
  for (const name in headers) {
    if (kept(name, withLength)) {
      const value = headers[name];
      if (typeof value === 'string') raw.push(name, value);
      else if (value !== undefined) for (const one of value) raw.push(name, one);
    }
  }
  return raw;
}

function kept(name: string, withLength: boolean): boolean {
  if (name === 'content-length') return withLength;
  return (
    !dropped.has(name) &&
    !name.startsWith('x-carrier-') &&
    !name.startsWith('cf-') &&
    !name.startsWith('access-control-')
  );
}

/** Hop by hop (RFC 9110 §7.6.1); about the provider's own origin; or about our account there. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-encoding',
  'set-cookie',
  'set-cookie2',
  'alt-svc',
  'strict-transport-security',
  'report-to',
  'nel',
  'via',
  'server',
  'openai-organization',
  'openai-project',
  'anthropic-organization-id',
  'www-authenticate',
]);
