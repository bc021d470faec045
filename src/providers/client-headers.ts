import type { DialectName } from '../completion/request.ts';

/** Which headers of a client go upstream. An allow-list: cookies, x-forwarded-*, x-carrier-* and the client's credential
 *  never go, nor does anything nobody thought of. Names in lower case. */
export interface AllowList {
  readonly names: ReadonlySet<string>;
  readonly prefixes: readonly string[];
  /** Match a prefix and still stay here: they choose who is billed among the operator's own accounts. */
  readonly withheld: ReadonlySet<string>;
  /** Parameters of the query that go upstream. */
  readonly query: ReadonlySet<string>;
}

/** What any client may say to any provider. */
const everywhere: readonly string[] = ['user-agent', 'idempotency-key'];

/** For a client that speaks another dialect than the provider: what its own dialect's headers say means nothing there. */
const acrossDialects: AllowList = {
  names: new Set(everywhere),
  prefixes: [],
  withheld: new Set(),
  query: new Set(),
};

const openaiHeaders: AllowList = {
  names: new Set([...everywhere, 'x-client-request-id']),
  prefixes: ['openai-', 'x-stainless-'],
  withheld: new Set(['openai-organization', 'openai-project']),
  query: new Set(),
};

const sameDialect: Readonly<Partial<Record<DialectName, AllowList>>> = {
  'openai-chat': openaiHeaders,
  'openai-responses': openaiHeaders,
  'anthropic-messages': {
    names: new Set(everywhere),
    prefixes: ['anthropic-', 'x-stainless-'],
    withheld: new Set(['anthropic-workspace-id', 'anthropic-organization-id']),
    query: new Set(['beta']),
  },
  // Who asks, by its clients (cohere-ai 8.1.0, BaseClient.js, 2026-11).
  'cohere-chat': {
    names: new Set([...everywhere, 'x-client-name']),
    prefixes: ['x-fern-'],
    withheld: new Set(),
    query: new Set(),
  },
  gemini: {
    names: new Set(everywhere),
    prefixes: ['x-goog-'],
    // Credentials, and whose project pays (https://cloud.google.com/apis/docs/system-parameters, 2026-11).
    withheld: new Set([
      'x-goog-api-key',
      'x-goog-user-project',
      'x-goog-iam-authority-selector',
      'x-goog-iam-authorization-token',
    ]),
    // The form of a stream.
    query: new Set(['alt', '$alt']),
  },
  // `x-amz-*` say who signed and what: that is between the client and us, and between us and the provider.
  'bedrock-converse': {
    names: new Set([...everywhere, 'x-amzn-bedrock-trace']),
    prefixes: [],
    withheld: new Set(),
    query: new Set(),
  },
};

export function allowListOf(dialect: DialectName, isSameDialect: boolean): AllowList {
  return (isSameDialect ? sameDialect[dialect] : undefined) ?? acrossDialects;
}

export function isAllowed(list: AllowList, lowerCaseName: string): boolean {
  if (list.names.has(lowerCaseName)) return true;
  for (const prefix of list.prefixes) {
    if (lowerCaseName.startsWith(prefix)) return !list.withheld.has(lowerCaseName);
  }
  return false;
}

/** What of `a=1&b=2` goes upstream, as it was written. */
export function allowedQuery(list: AllowList, query: string): string {
  if (list.query.size === 0 || query === '') return '';
  return query
    .split('&')
    .filter(pair => list.query.has(pair.split('=', 1)[0]!))
    .join('&');
}
