import type { DialectName } from '../completion/request.ts';
import { filterBetas } from './betas.ts';
import { allowedQuery, allowListOf, isAllowed } from './client-headers.ts';
import type { Endpoint } from './provider.ts';
import { providerOf } from './registry.ts';

export interface UpstreamRequestOptions {
  /** The account: a snapshot's ProviderEntry. */
  readonly provider: { readonly kind: string; readonly baseUrl: string };
  readonly dialect: DialectName;
  /** Does the client speak that dialect too? Only then do the dialect's own headers and query go along. */
  readonly sameDialect: boolean;
  /** Of the account, in the clear; undefined for none. */
  readonly credential: string | undefined;
  /** As node:http gives them, names in lower case. */
  readonly clientHeaders: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Without its question mark. */
  readonly query: string | undefined;
  /** The model, for paths that name it. */
  readonly targetModel: string;
  readonly stream?: boolean;
  readonly streamForm?: 'events' | 'list' | undefined;
  /** Names and values in turn, that a request written for another dialect's client needs. */
  readonly dialectHeaders?: readonly string[] | undefined;
}

/** Where a request of the dialect goes at this account and which headers go with it, names and values in turn, as undici
 *  takes them. The path goes behind that of the base URL. Body framing is the dispatcher's. */
export function upstreamRequest(options: UpstreamRequestOptions): { path: string; headers: string[] } {
  const { provider, dialect } = options;
  const endpoint = providerOf(provider.kind).endpoints[dialect];
  if (endpoint === undefined) throw new Error(`the provider kind ${provider.kind} does not speak ${dialect}`);
  return endpointRequest(endpoint, options);
}

/** Media types of streams that are no server-sent events. */
const streamTypes: Readonly<Partial<Record<DialectName, string>>> = {
  'bedrock-converse': 'application/vnd.amazon.eventstream',
};

/** The same for an endpoint that is given. */
export function endpointRequest(
  endpoint: Endpoint,
  options: UpstreamRequestOptions,
): { path: string; headers: string[] } {
  const { dialect, credential, clientHeaders } = options;
  const allowed = allowListOf(dialect, options.sameDialect);

  const accept = options.stream === true ? (streamTypes[dialect] ?? 'text/event-stream') : 'application/json';
  // identity: a compressed answer could not be relayed and observed chunk by chunk.
  const headers = ['content-type', 'application/json', 'accept-encoding', 'identity', 'accept', accept];
  if (credential !== undefined && endpoint.credential === 'bearer')
    headers.push('authorization', `Bearer ${credential}`);
  if (credential !== undefined && (endpoint.credential === 'x-api-key' || endpoint.credential === 'x-goog-api-key')) {
    headers.push(endpoint.credential, credential);
  }
  const { dialectHeaders = [] } = options;
  headers.push(...dialectHeaders);
  let hasVersion = dialect !== 'anthropic-messages' || dialectHeaders.includes('anthropic-version');
  for (const name in clientHeaders) {
    if (!isAllowed(allowed, name)) continue;
    const value = clientHeaders[name];
    if (typeof value !== 'string') continue;
    if (name === 'anthropic-version') hasVersion = true;
    const kept = name === endpoint.betas?.header ? filterBetas(endpoint.betas, value).kept : value;
    if (kept !== '') headers.push(name, kept);
  }
  if (!hasVersion) headers.push('anthropic-version', versionUnlessSaid);

  const query = allowedQuery(allowed, options.query ?? '');
  const path = pathBehind(options.provider.baseUrl, pathOf(endpoint, options));
  if (query === '') return { path, headers };
  return { path: `${path}${path.includes('?') ? '&' : '?'}${query}`, headers };
}

function pathOf({ path }: Endpoint, { targetModel, stream = false, streamForm }: UpstreamRequestOptions): string {
  return typeof path === 'string' ? path : path({ targetModel, stream, streamForm });
}

/** What clients that send no version were made for. The header is required
 *  (https://platform.claude.com/docs/en/api/versioning, 2026-11). */
const versionUnlessSaid = '2023-06-01';

/** The endpoint's path without what the base URL's path ends with already: people give `https://host/v1` and
 *  `https://host` for the same. */
function pathBehind(baseUrl: string, path: string): string {
  const pathAt = baseUrl.indexOf('/', baseUrl.indexOf('://') + 3);
  if (pathAt === -1 || pathAt === baseUrl.length - 1) return path;
  const base = baseUrl.slice(pathAt, baseUrl.endsWith('/') ? -1 : undefined);
  for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
    if (base.endsWith(path.slice(0, cut))) return path.slice(cut);
  }
  return path;
}
