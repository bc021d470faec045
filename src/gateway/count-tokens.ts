import type { Dispatcher } from 'undici';
import { Fault } from '../completion/fault.ts';
import { upstreamRequest } from '../providers/upstream-request.ts';
import type { Deployment } from '../snapshot/load.ts';
import { relayHeaders } from './answer-headers.ts';
import type { Arrival } from './arrival.ts';
import { authenticate, presentedSecret } from './authenticate.ts';
import { readCarrierHeaders } from './carrier-headers.ts';
import { chooseCandidates, resolveRoute } from './choose.ts';
import { dialectNamed } from './dialect-table.ts';
import type { GatewayState } from './gateway.ts';
import { readBody } from './read-body.ts';
import { respondBytes } from './respond.ts';
import { connectionFault } from './upstream-fault.ts';

/** POST /v1/messages/count_tokens: asks a deployment that speaks the Messages API. Counting is free at the provider, so
 *  it is neither held nor metered; keys, names and policy apply as for a completion. */
export async function countTokens(gateway: GatewayState, arrival: Arrival): Promise<void> {
  const { ports, settings, deadlines, cooldowns, draw } = gateway;
  const { request, response } = arrival;
  if (ports.draining()) throw new Fault('draining');
  const dialect = dialectNamed('anthropic-messages');
  if (dialect === undefined) throw new Fault('path_not_found');
  const snapshot = ports.snapshot();
  const secret = presentedSecret(request.headers, arrival.query);
  const principal = authenticate(secret, snapshot, ports.digestSecret, arrival.atMs);
  const carrier = readCarrierHeaders(request.headers);
  const body = await readBody(request, response, arrival.connection, settings.limits, deadlines);
  const scan = dialect.scanRequest(body);
  const route = resolveRoute(snapshot, principal, scan.requestedModel);
  const question = {
    exchangeId: arrival.id,
    dialect,
    body,
    scan,
    route,
    allowedZones: principal.zones,
    askedZones: carrier.zones,
    nowMs: ports.clock.nowMs(),
  };
  const { decision } = chooseCandidates(question, cooldowns, draw);
  const deployment = decision.order
    .map(handle => snapshot.deployment(handle))
    .find(candidate => candidate.provider.dialects.includes(dialect.name));
  if (deployment === undefined) {
    throw new Fault('translation_unsupported', 'No deployment of this model counts tokens in the Messages API.');
  }
  const spliced = dialect.spliceRequest(body, scan, {
    targetModel: deployment.targetModel,
    askUsage: false,
    outputTokensMax: undefined,
  });
  const answer = await ask(gateway, arrival, deployment, spliced);
  if (answer.status >= 400) {
    const fault = dialect.decodeFault({ ...answer, nowMs: ports.clock.nowMs() });
    if (fault.code !== 'upstream_invalid' && fault.code !== 'context_overflow') throw fault;
  }
  const headers = relayHeaders(answer.headers, false);
  headers.push('x-carrier-exchange-id', arrival.id, 'x-carrier-deployment', deployment.id);
  respondBytes(request, response, answer.status, headers, answer.body);
}

interface CountAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

function ask(gateway: GatewayState, arrival: Arrival, deployment: Deployment, body: Buffer): Promise<CountAnswer> {
  const { path, headers } = upstreamRequest({
    provider: deployment.provider,
    dialect: 'anthropic-messages',
    sameDialect: true,
    credential: gateway.ports.credential(deployment.provider.name),
    clientHeaders: arrival.request.headers,
    query: arrival.query,
  });
  const upstream = gateway.upstreams.of(deployment.provider);
  const [plain = '', query] = path.split('?');
  const countPath = `${upstream.basePath}${plain}/count_tokens${query === undefined ? '' : `?${query}`}`;
  return new Promise((resolve, reject) => {
    const options = { origin: upstream.origin, method: 'POST' as const, path: countPath, headers, body };
    upstream.dispatcher.dispatch(
      { ...options, headersTimeout: countMsMax, bodyTimeout: countMsMax },
      new CountReceiver(resolve, reject),
    );
  });
}

const countMsMax = 30_000;
const countBytesMax = 256 * 1024;

class CountReceiver implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: CountAnswer) => void;
  readonly #reject: (fault: Fault) => void;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #headers: CountAnswer['headers'] = {};
  #bytes = 0;

  constructor(resolve: (answer: CountAnswer) => void, reject: (fault: Fault) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: CountAnswer['headers']): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > countBytesMax) controller.abort(new Error('the count is over its size bound'));
  }

  onResponseEnd(): void {
    this.#resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const timedOut =
      'code' in error && (error.code === 'UND_ERR_HEADERS_TIMEOUT' || error.code === 'UND_ERR_BODY_TIMEOUT');
    this.#reject(timedOut ? new Fault('upstream_first_byte_timeout') : connectionFault(error, this.#status !== 0));
  }
}
