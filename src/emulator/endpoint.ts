import type { ProviderName } from './answer.ts';

export interface Endpoint {
  readonly provider: ProviderName;
  readonly name: 'chat' | 'models' | 'messages' | 'count-tokens' | 'anthropic-models' | 'unknown' | 'wrong-method';
  readonly method: string;
  /** Without query and provider prefix. */
  readonly path: string;
  /** Of `/v1/models/{model}`. */
  readonly model: string | undefined;
}

/** Both providers share one listener, with or without `/openai` or `/anthropic` before the path. The model list has the
 *  same path in both; who sends `anthropic-version` means Anthropic. */
export function findEndpoint(method: string, url: string, sendsAnthropicVersion: boolean): Endpoint {
  const query = url.indexOf('?');
  const path = (query === -1 ? url : url.slice(0, query)).replace(/^\/(openai|anthropic)(?=\/)/, '');
  const provider = providerOf(path, sendsAnthropicVersion);
  const name = nameOf(path, provider);
  const isRead = name === 'models' || name === 'anthropic-models';
  if (name !== 'unknown' && method !== (isRead ? 'GET' : 'POST')) {
    return { provider, name: 'wrong-method', method, path, model: undefined };
  }
  return { provider, name, method, path, model: isRead ? modelOf(path) : undefined };
}

function providerOf(path: string, sendsAnthropicVersion: boolean): ProviderName {
  if (path === '/v1/chat/completions') return 'openai';
  return sendsAnthropicVersion || path.startsWith('/v1/messages') ? 'anthropic' : 'openai';
}

function nameOf(path: string, provider: ProviderName): Endpoint['name'] {
  if (path === '/v1/chat/completions') return 'chat';
  if (path === '/v1/messages') return 'messages';
  if (path === '/v1/messages/count_tokens') return 'count-tokens';
  if (path === '/v1/models' || path.startsWith('/v1/models/')) {
    return provider === 'openai' ? 'models' : 'anthropic-models';
  }
  return 'unknown';
}

function modelOf(path: string): string | undefined {
  const encoded = path.slice('/v1/models/'.length);
  if (encoded === '') return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
