import type { IncomingHttpHeaders } from 'node:http';
import type { DialectName } from '../completion/request.ts';
import type { ProviderEntry } from '../snapshot/snapshot.ts';

export interface UpstreamRequestQuestion {
  readonly provider: ProviderEntry;
  readonly dialect: 'openai-chat' | 'anthropic-messages' | DialectName;
  readonly sameDialect: boolean;
  readonly credential: string | undefined;
  readonly clientHeaders: IncomingHttpHeaders;
  readonly query: string;
}

/** Path, under the base URL, and raw headers of a request to a provider. */
export function upstreamRequest(question: UpstreamRequestQuestion): { path: string; headers: string[] } {
  const { dialect, sameDialect, credential, clientHeaders, query } = question;
  const headers = ['content-type', 'application/json', 'accept-encoding', 'identity'];
  const anthropic = dialect === 'anthropic-messages';
  if (credential !== undefined) {
    if (anthropic) headers.push('x-api-key', credential);
    else headers.push('authorization', `Bearer ${credential}`);
  }
  for (const name in clientHeaders) {
    const value = clientHeaders[name];
    if (typeof value === 'string' && passes(name, sameDialect)) headers.push(name, value);
  }
  if (anthropic && (!sameDialect || clientHeaders['anthropic-version'] === undefined)) {
    headers.push('anthropic-version', '2023-06-01');
  }
  const kept = sameDialect && anthropic && query === 'beta=true' ? '?beta=true' : '';
  return { path: anthropic ? `/v1/messages${kept}` : '/chat/completions', headers };
}

function passes(name: string, sameDialect: boolean): boolean {
  if (name === 'user-agent' || name === 'idempotency-key' || name.startsWith('x-stainless-')) return true;
  return sameDialect && (name.startsWith('anthropic-') || name.startsWith('openai-'));
}
