import type { IncomingHttpHeaders } from 'node:http';
import type { ProviderName } from './answer.ts';

export interface Endpoint {
  readonly provider: ProviderName;
  readonly name: EndpointName;
  readonly method: string;
  /** Without query and provider prefix. */
  readonly path: string;
  /** Named by the path; undefined where the body names it. */
  readonly model: string | undefined;
}

export type EndpointName =
  | 'chat'
  | 'models'
  | 'responses'
  | 'input-tokens'
  | 'stored-response'
  | 'messages'
  | 'count-tokens'
  | 'anthropic-models'
  | 'generate'
  | 'generate-events'
  | 'generate-list'
  | 'gemini-count'
  | 'gemini-models'
  | 'converse'
  | 'converse-stream'
  | 'bedrock-count'
  | 'cohere-chat'
  | 'cohere-models'
  | 'unknown'
  | 'wrong-method';

interface Place {
  readonly path: RegExp;
  readonly provider: ProviderName;
  readonly name: EndpointName;
  readonly methods: readonly string[];
}

const generatePath = (method: string) =>
  new RegExp(
    String.raw`^/v\d\w*(?:/projects/[^/]+/locations/[^/]+)?(?:/publishers/google)?/models/(?<model>[^:/]+(?:/[^:/]+)*):${method}$`,
  );

// A model in a path is the group `model`, percent-encoded.
const places: readonly Place[] = [
  { path: /^\/v1\/chat\/completions$/, provider: 'openai', name: 'chat', methods: ['POST'] },
  { path: /^\/v1\/responses$/, provider: 'responses', name: 'responses', methods: ['POST'] },
  { path: /^\/v1\/responses\/input_tokens$/, provider: 'responses', name: 'input-tokens', methods: ['POST'] },
  {
    path: /^\/v1\/responses\/[^/]+(?:\/cancel|\/input_items)?$/,
    provider: 'responses',
    name: 'stored-response',
    methods: ['GET', 'DELETE', 'POST'],
  },
  { path: /^\/v1\/messages$/, provider: 'anthropic', name: 'messages', methods: ['POST'] },
  { path: /^\/v1\/messages\/count_tokens$/, provider: 'anthropic', name: 'count-tokens', methods: ['POST'] },
  { path: generatePath('generateContent'), provider: 'gemini', name: 'generate', methods: ['POST'] },
  { path: generatePath('streamGenerateContent'), provider: 'gemini', name: 'generate-list', methods: ['POST'] },
  { path: generatePath('countTokens'), provider: 'gemini', name: 'gemini-count', methods: ['POST'] },
  { path: /^\/v1beta\/models(?:\/(?<model>.+))?$/, provider: 'gemini', name: 'gemini-models', methods: ['GET'] },
  { path: /^\/model\/(?<model>[^/]+)\/converse$/, provider: 'bedrock', name: 'converse', methods: ['POST'] },
  {
    path: /^\/model\/(?<model>[^/]+)\/converse-stream$/,
    provider: 'bedrock',
    name: 'converse-stream',
    methods: ['POST'],
  },
  { path: /^\/model\/(?<model>[^/]+)\/count-tokens$/, provider: 'bedrock', name: 'bedrock-count', methods: ['POST'] },
  { path: /^\/v2\/chat$/, provider: 'cohere', name: 'cohere-chat', methods: ['POST'] },
];

const prefix = /^\/(openai|anthropic|gemini|bedrock|cohere)(?=\/)/;

/** All providers share one listener, with or without a prefix such as `/openai` before the path. The model list has the
 *  same path in several; the prefix says whose is meant, or `anthropic-version`, or a key as Google has it. */
export function findEndpoint(method: string, url: string, headers: IncomingHttpHeaders): Endpoint {
  const query = url.indexOf('?');
  const whole = query === -1 ? url : url.slice(0, query);
  const said = prefix.exec(whole)?.[1];
  const path = said === undefined ? whole : whole.slice(said.length + 1);
  const meant = whose(said, headers);
  const place = places.find(candidate => candidate.path.test(path)) ?? modelList(meant, path);
  if (place === undefined) {
    const provider = homes.find(home => home.path.test(path))?.provider ?? meant;
    return { provider, name: 'unknown', method, path, model: undefined };
  }
  const { provider } = place;
  const name = place.name === 'generate-list' && asksEvents.test(url) ? 'generate-events' : place.name;
  if (!place.methods.includes(method)) return { provider, name: 'wrong-method', method, path, model: undefined };
  return { provider, name, method, path, model: decoded(place.path.exec(path)?.groups?.['model']) };
}

/** Whose words refuse a path that nobody has. */
const homes: readonly Pick<Place, 'path' | 'provider'>[] = [
  { path: /^\/v1\/messages/, provider: 'anthropic' },
  { path: /^\/v1beta|\/publishers\//, provider: 'gemini' },
  { path: /^\/model\//, provider: 'bedrock' },
  { path: /^\/v2\//, provider: 'cohere' },
];

/** Google's streams are events when the query says so; else one JSON list. */
const asksEvents = /[?&](?:alt|%24alt|\$alt)=sse(?:&|$)/;

function whose(said: string | undefined, headers: IncomingHttpHeaders): ProviderName {
  if (said !== undefined) return said as ProviderName;
  if (headers['anthropic-version'] !== undefined) return 'anthropic';
  return headers['x-goog-api-key'] === undefined ? 'openai' : 'gemini';
}

const listPath = /^\/v1\/models(?:\/(?<model>.+))?$/;
const lists: readonly Place[] = [
  { path: listPath, provider: 'openai', name: 'models', methods: ['GET'] },
  { path: listPath, provider: 'anthropic', name: 'anthropic-models', methods: ['GET'] },
  { path: listPath, provider: 'gemini', name: 'gemini-models', methods: ['GET'] },
  { path: listPath, provider: 'cohere', name: 'cohere-models', methods: ['GET'] },
];

function modelList(provider: ProviderName, path: string): Place | undefined {
  return lists.find(list => list.provider === provider && list.path.test(path));
}

function decoded(model: string | undefined): string | undefined {
  try {
    return model === undefined ? undefined : decodeURIComponent(model);
  } catch {
    return model;
  }
}
