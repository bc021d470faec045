import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from '../completion/fault.ts';
import type { DialectName } from '../completion/request.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { dialects } from '../dialects/registry.ts';
import { passToAdmin } from './admin-pass-through.ts';
import type { Arrival } from './arrival.ts';
import type { ClientRequest, ClientResponse } from './client-message.ts';
import { connectionOf, newConnection } from './connections.ts';
import { anthropicCount, type CountForm, countPaths, responsesCount } from './count-forms.ts';
import { countTokens } from './count-tokens.ts';
import { answerPreflight, isPreflight } from './cross-origin.ts';
import { mintExchangeId } from './exchange-id.ts';
import type { GatewayState } from './gateway.ts';
import { geminiPaths, isGenerating } from './gemini-paths.ts';
import { answerHealthz, answerReadyz } from './health.ts';
import { type Identified, identify } from './identify.ts';
import { listModels } from './list-models.ts';
import { type ModelPath, ModelPaths } from './model-paths.ts';
import { neverSent, refuse } from './refuse.ts';
import { toFault } from './respond.ts';
import { serveCompletion } from './serve-completion.ts';
import { refuseStoredResponses } from './stored-responses.ts';

/** What answers at a path. A promise settles when the answer is given; a thrown fault is answered by the edge.
 *  `gate` says what a request must pass first:
 *  - open: nothing; it says nothing of anybody.
 *  - admin: the supervisor's own gate.
 *  - key: a key that is good here and now; the edge itself sees to it.
 *  - limits: that, and the caller's limits of requests: somebody else is asked, at no cost.
 *  - spend: that, and limits and a hold, before anything is sent; serve-completion.ts is the one walk of such requests. */
export type Route =
  | {
      readonly method: Method;
      readonly gate: 'open' | 'admin';
      readonly serve: (gateway: GatewayState, arrival: Arrival) => void | Promise<void>;
    }
  | {
      readonly method: Method;
      readonly gate: 'key' | 'limits' | 'spend';
      readonly serve: (gateway: GatewayState, arrival: Arrival, identified: Identified) => void | Promise<void>;
    };

type Method = 'GET' | 'POST' | 'any';

export const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/v1/chat/completions', completion('openai-chat')],
  ['/v1/messages', completion('anthropic-messages')],
  ['/v1/responses', completion('openai-responses')],
  ['/v1/messages/count_tokens', count(anthropicCount)],
  ['/v1/responses/input_tokens', count(responsesCount)],
  ['/v2/chat', completion('cohere-chat')],
  ['/v1/models', { method: 'GET', gate: 'key', serve: listModels }],
  ['/v1beta/models', { method: 'GET', gate: 'key', serve: listModels }],
  ['/healthz', { method: 'GET', gate: 'open', serve: (_gateway, arrival) => answerHealthz(arrival) }],
  ['/readyz', { method: 'GET', gate: 'open', serve: answerReadyz }],
  ['/metrics', { method: 'GET', gate: 'admin', serve: passToAdmin }],
  ['/api', { method: 'any', gate: 'admin', serve: passToAdmin }],
  ['/console', { method: 'any', gate: 'admin', serve: passToAdmin }],
]);

/** Paths that begin so and go on. */
export const prefixes: readonly (readonly [string, Route])[] = [
  ['/v1/models/', { method: 'GET', gate: 'key', serve: listModels }],
  ['/v1/responses/', { method: 'any', gate: 'key', serve: refuseStoredResponses }],
  ['/v1beta/models/', { method: 'GET', gate: 'key', serve: listModels }],
  ['/api/', { method: 'any', gate: 'admin', serve: passToAdmin }],
  ['/console/', { method: 'any', gate: 'admin', serve: passToAdmin }],
];

/** Paths that hold the model of a completion. */
export const modelPaths: readonly ModelPath[] = [
  ...geminiPaths,
  { form: '/model/{model}/converse', dialect: 'bedrock-converse', read: () => ({ stream: false }) },
  { form: '/model/{model}/converse-stream', dialect: 'bedrock-converse', read: () => ({ stream: true }) },
];

const knownModelPaths = new ModelPaths([...modelPaths, ...countPaths]);
const modelRoutes: ReadonlyMap<string, Route> = new Map([
  ...modelPaths.map(({ form, dialect }) => [form, completion(dialect)] as const),
  ...countPaths.map(path => [path.form, count(path.count)] as const),
]);

function count(form: CountForm): Route {
  return {
    method: 'POST',
    gate: 'limits',
    serve: (gateway, arrival, identified) => countTokens(gateway, arrival, identified, form),
  };
}

function completion(name: DialectName): Route {
  const dialect = dialects.get(name);
  if (dialect === undefined) throw new Error(`the dialect ${name} is not in the registry`);
  return {
    method: 'POST',
    gate: 'spend',
    serve: (gateway, arrival, identified) => serveCompletion(gateway, arrival, dialect, identified),
  };
}

/** Takes one request off the HTTP server and gives it to whatever answers at its path. */
export function handleRequest(gateway: GatewayState, request: ClientRequest, response: ClientResponse): void {
  const { clock } = gateway.ports;
  const atMs = clock.nowMs();
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const query = mark === -1 ? '' : url.slice(mark + 1);
  // A stream of HTTP/2 has nothing to do with the other streams of its connection.
  const connection = request.httpVersionMajor === 2 ? newConnection() : connectionOf(request.socket);
  connection.openAnswers++;
  response.on('error', ignoreLateWrite);
  response.once('close', () => {
    connection.openAnswers--;
    if (connection.isBroken && connection.openAnswers === 0) request.socket.destroySoon();
  });
  const arrival: Arrival = {
    id: mintExchangeId(atMs),
    atMs,
    startedMs: gateway.deadlines.now(),
    request,
    response,
    path,
    query,
    connection,
    dialect: dialectOfPath(path, request.headers),
    named: undefined,
    body: undefined,
  };
  // Requests that come in while the process leaves end their connection, so that the next one goes elsewhere.
  if (gateway.ports.draining()) response.shouldKeepAlive = false;
  try {
    checkHeaders(request, gateway.settings.limits.headerBytesMax);
    const route = routes.get(path) ?? findModelRoute(arrival) ?? findPrefix(path);
    if (route === undefined) throw new Fault('path_not_found', unservedPath(path));
    const served = pass(gateway, arrival, route);
    if (served !== undefined) served.catch(error => refuseError(gateway, arrival, error));
  } catch (error) {
    refuseError(gateway, arrival, error);
  }
}

/** A write that crosses the end of its connection is reported here, and `close` says the same. Without a listener it
 *  would end the process. */
function ignoreLateWrite(): void {}

/** Names and values count as two. */
const rawHeadersMax = 2 * 200;

/** What Node's parser lets pass and we do not: whatever whoever stands before us could read otherwise. */
function checkHeaders(request: ClientRequest, headerBytesMax: number): void {
  const { rawHeaders, httpVersionMajor, httpVersionMinor } = request;
  if (rawHeaders.length > rawHeadersMax) throw new Fault('headers_too_large', 'There are more than 200 headers.');
  // Of HTTP/1.1 the parser has counted them.
  if (httpVersionMajor === 2 && bytesOf(request) > headerBytesMax) throw new Fault('headers_too_large');
  let hosts = 0;
  let codings = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      codings++;
      if (rawHeaders[index + 1]!.toLowerCase() !== 'chunked') throw new Fault('framing_invalid');
    }
  }
  // Chunks are of HTTP/1.1 (RFC 9112 §6.1), and so is the duty to name one host (§3.2).
  if (hosts > 1 || (hosts === 0 && httpVersionMinor > 0)) throw new Fault('framing_invalid');
  if (codings > 1 || (codings === 1 && httpVersionMinor === 0)) throw new Fault('framing_invalid');
}

/** As they would stand in a head of HTTP/1.1. */
function bytesOf({ url, rawHeaders }: ClientRequest): number {
  let bytes = url?.length ?? 0;
  for (let index = 0; index < rawHeaders.length; index++) bytes += rawHeaders[index]!.length + 2;
  return bytes;
}

/** What is told of a path that is known and not served; undefined: what is told of any other. */
function unservedPath(path: string): string | undefined {
  if (!/^\/model\/.+\/invoke(?:-with-(?:response|bidirectional)-stream)?$/.test(path)) return undefined;
  return 'InvokeModel is not served: its body is each model’s own. Use /model/{model}/converse or /converse-stream.';
}

function findPrefix(path: string): Route | undefined {
  return prefixes.find(([prefix]) => path.startsWith(prefix))?.[1];
}

function findModelRoute(arrival: Arrival): Route | undefined {
  const found = knownModelPaths.match(arrival.path, arrival.query);
  if (found === undefined) return undefined;
  arrival.named = found.named;
  return modelRoutes.get(found.form);
}

/** Lets a request through the gate of its path. */
function pass(gateway: GatewayState, arrival: Arrival, route: Route): void | Promise<void> {
  const { path, request } = arrival;
  const method = request.method ?? '';
  const takesKeys = route.gate !== 'open' && route.gate !== 'admin';
  if (takesKeys && isPreflight(request) && answerPreflight(gateway, arrival, route.method)) return;
  const asked = method === 'HEAD' ? 'GET' : method;
  if (route.method !== 'any' && route.method !== asked) {
    throw new Fault('method_not_allowed', `${path} takes ${route.method}.`, { listing: [route.method] });
  }
  if (route.gate === 'open' || route.gate === 'admin') return route.serve(gateway, arrival);
  const identified = identify(gateway, arrival);
  if (!(identified instanceof Promise)) return route.serve(gateway, arrival, identified);
  return identified.then(known => route.serve(gateway, arrival, known));
}

/** The dialect in which faults of a path are told; undefined where they are problem documents. */
export function dialectOfPath(path: string, headers: IncomingHttpHeaders): Dialect | undefined {
  if (path.startsWith('/v1/messages')) return dialects.get('anthropic-messages');
  if (path.startsWith('/v1/responses')) return dialects.get('openai-responses');
  if (path.startsWith('/v1/projects/') || isGenerating(path)) return dialects.get('gemini');
  if (path.startsWith('/v1/')) return dialects.get(dialectSaid(headers));
  if (path.startsWith('/v1beta')) return dialects.get('gemini');
  if (path.startsWith('/v2/')) return dialects.get('cohere-chat');
  if (path.startsWith('/model/')) return dialects.get('bedrock-converse');
  return undefined;
}

/** Several APIs have the same paths; their clients say which one they mean. Cohere's are made with Fern
 *  (https://www.npmjs.com/package/cohere-ai, 2026-11). */
function dialectSaid(headers: IncomingHttpHeaders): DialectName {
  if (headers['anthropic-version'] !== undefined) return 'anthropic-messages';
  if (headers['x-goog-api-client'] !== undefined) return 'gemini';
  if (/^cohere(?:-ai)?$/.test(String(headers['x-fern-sdk-name']))) return 'cohere-chat';
  return 'openai-chat';
}

function refuseError(gateway: GatewayState, arrival: Arrival, error: unknown): void {
  const fault = toFault(error);
  const allow = fault.code === 'method_not_allowed' ? ['allow', fault.listing?.join(', ') ?? ''] : [];
  refuse(gateway, arrival, fault, [...neverSent, ...allow]);
}
