import type { Dispatcher } from 'undici';
import { Fault } from '../completion/fault.ts';
import { anthropicMessages as dialect } from '../dialects/anthropic-messages/dialect.ts';
import { upstreamRequest } from '../providers/upstream-request.ts';
import type { Deployment } from '../snapshot/load.ts';
import { relayHeaders } from './answer-headers.ts';
import type { Arrival } from './arrival.ts';
import { authenticate, presentedSecret } from './authenticate.ts';
import { readCarrierHeaders } from './carrier-headers.ts';
import { chooseCandidates, resolveRoute } from './choose.ts';
import type { GatewayState } from './gateway.ts';
import { readBody } from './read-body.ts';
import { refuse } from './refuse.ts';
import { respondBytes, toFault } from './respond.ts';
import { checkRoom } from './room.ts';
import { connectionFault } from './upstream-fault.ts';

/** POST /v1/messages/count_tokens: asks a deployment that speaks the Messages API. Counting is free at the provider, so
 *  it is neither held nor metered; keys, names and policy apply as for a completion. */
export async function countTokens(gateway: GatewayState, arrival: Arrival): Promise<void> {
  gateway.openExchanges++;
  try {
    await walk(gateway, arrival);
  } finally {
    gateway.openExchanges--;
  }
}

async function walk(gateway: GatewayState, arrival: Arrival): Promise<void> {
  checkRoom(gateway);
  const { ports, settings, deadlines, cooldowns, draw } = gateway;
  const { request, response } = arrival;
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
    contract: principal.contract,
    askedZones: carrier.zones,
    nowMs: ports.clock.nowMs(),
    // Another dialect's count would be of another prompt.
    sameDialectOnly: true,
  };
  if (!route.candidates.some(({ deployment }) => deployment.provider.dialects.includes(dialect.name))) {
    throw new Fault('translation_unsupported', 'No deployment of this model counts tokens in the Messages API.');
  }
  const { decision } = chooseCandidates(question, cooldowns, draw);
  const order = decision.order.slice(0, route.policy.retries + 1).map(handle => snapshot.deployment(handle));
  await askInOrder(gateway, arrival, carrier.emulate, order, deployment =>
    dialect.spliceRequest(body, scan, {
      targetModel: deployment.targetModel,
      askUsage: false,
      outputTokensMax: undefined,
    }),
  );
}

/** Asks until one counts or the fault says that another would not either, and answers the client. */
async function askInOrder(
  gateway: GatewayState,
  arrival: Arrival,
  emulate: string | undefined,
  order: readonly Deployment[],
  write: (deployment: Deployment) => Buffer,
): Promise<void> {
  for (const [index, deployment] of order.entries()) {
    const head = ['x-carrier-deployment', deployment.id, 'x-carrier-attempts', String(index + 1)];
    if (deployment.provider.sandbox) head.push('x-carrier-sandbox', '1');
    const answer = await ask(gateway, arrival, { deployment, emulate, body: write(deployment) }).catch(toFault);
    const fault = answer instanceof Fault ? answer : refusalOf(gateway, answer);
    if (!(answer instanceof Fault) && (fault === undefined || shown.has(fault.code))) {
      const headers = [...relayHeaders(answer.headers, false), 'x-carrier-exchange-id', arrival.id, ...head];
      if (fault !== undefined) headers.push('x-carrier-fault', fault.code);
      respondBytes(arrival.request, arrival.response, answer.status, headers, answer.body);
      return;
    }
    if (fault!.failover && index + 1 < order.length && !arrival.response.destroyed) continue;
    refuse(gateway, arrival, fault!, head);
    return;
  }
}

/** The provider's own words, where they are about the request and not about our account. */
const shown: ReadonlySet<Fault['code']> = new Set<Fault['code']>(['upstream_invalid', 'context_overflow']);

function refusalOf(gateway: GatewayState, answer: CountAnswer): Fault | undefined {
  if (answer.status < 300) return undefined;
  return dialect.decodeFault({ ...answer, nowMs: gateway.ports.clock.nowMs() });
}

interface CountAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

interface CountQuestion {
  readonly deployment: Deployment;
  /** A fault script, for an emulated provider. */
  readonly emulate: string | undefined;
  readonly body: Buffer;
}

function ask(
  gateway: GatewayState,
  arrival: Arrival,
  { deployment, emulate, body }: CountQuestion,
): Promise<CountAnswer> {
  const { path, headers } = upstreamRequest({
    provider: deployment.provider,
    dialect: 'anthropic-messages',
    sameDialect: true,
    credential: gateway.ports.credential(deployment.provider.name),
    clientHeaders: arrival.request.headers,
    query: arrival.query,
  });
  if (emulate !== undefined && deployment.provider.sandbox) headers.push('x-carrier-emulate', emulate);
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
