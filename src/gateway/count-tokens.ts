import type { Dispatcher } from 'undici';
import { Fault } from '../completion/fault.ts';
import type { ReasoningForm } from '../completion/profile.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { estimateInputTokens, estimateRule, familyOf } from '../metering/estimates.ts';
import { providerOf } from '../providers/registry.ts';
import { upstreamRequest } from '../providers/upstream-request.ts';
import type { Deployment } from '../snapshot/load.ts';
import { relayHeaders } from './answer-headers.ts';
import type { Arrival } from './arrival.ts';
import { betaEdits } from './beta-edits.ts';
import { readCarrierHeaders } from './carrier-headers.ts';
import { type Choice, chooseCandidates, policyFor, resolveRoute, sessionOf } from './choose.ts';
import type { CountForm } from './count-forms.ts';
import { estimatedRequest } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import type { Identified } from './identify.ts';
import { passRequest } from './pass-limits.ts';
import { profileOf } from './profiles.ts';
import { readBody } from './read-body.ts';
import { refuse } from './refuse.ts';
import { respondBytes, toFault } from './respond.ts';
import { checkRoom } from './room.ts';
import { connectionFault } from './upstream-fault.ts';

/** Asks a deployment that speaks the client's dialect how many tokens a request has. Counting is free at the provider, so
 *  it is neither held nor metered; keys, names, policy and limits of requests apply as for a completion. Where no deployment can count, the
 *  answer is an estimate by the rule that `x-carrier-estimate` names: agents plan by the number and give up without one. */
export async function countTokens(
  gateway: GatewayState,
  arrival: Arrival,
  identified: Identified,
  form: CountForm,
): Promise<void> {
  gateway.openExchanges++;
  try {
    await walk(gateway, arrival, identified, form);
  } finally {
    gateway.openExchanges--;
  }
}

async function walk(
  gateway: GatewayState,
  arrival: Arrival,
  { snapshot, principal }: Identified,
  form: CountForm,
): Promise<void> {
  const { dialect } = form;
  checkRoom(gateway);
  const { ports } = gateway;
  const { request } = arrival;
  const carrier = readCarrierHeaders(request.headers);
  const { body, scan } = readCounted(await readBody(arrival, gateway), form, arrival);
  const route = resolveRoute(snapshot, principal, scan.requestedModel);
  const policy = policyFor(carrier, principal, route);
  const question = {
    exchangeId: arrival.id,
    dialect,
    body,
    scan,
    route,
    allowedZones: principal.zones,
    contract: principal.contract,
    askedZones: carrier.zones,
    policy,
    session: sessionOf(carrier, principal, { scan, policy }),
    nowMs: ports.clock.nowMs(),
    organisation: principal.organisation,
    isPaid: false,
  };
  const estimate = () => {
    const { decision } = chooseCandidates(
      { ...question, sameDialectOnly: false, onlyNames: true },
      ports,
      gateway.learnt,
    );
    // An empty order is a fault.
    answerEstimate(arrival, question, { form, deployment: snapshot.deployment(decision.order[0]!) });
  };
  // Another dialect's count would be of another prompt.
  const choice = unlessNoneCounts(() =>
    chooseCandidates({ ...question, sameDialectOnly: true }, ports, gateway.learnt),
  );
  if (choice === undefined) {
    estimate();
    return;
  }
  const order = choice.decision.order.slice(0, route.policy.retries + 1).map(handle => snapshot.deployment(handle));
  const pass = await passRequest(gateway, { principal, route, order });
  const counting = askInOrder(gateway, arrival, {
    form,
    order,
    emulate: carrier.emulate,
    endsAtMs: arrival.startedMs + Math.min(carrier.deadlineMs ?? countMsMax, countMsMax),
    write: deployment => {
      const written = dialect.spliceRequest(body, scan, {
        targetModel: deployment.targetModel,
        askUsage: false,
        outputTokensMax: undefined,
        more: [
          ...(dialect.withoutEnvelopes?.(body, scan, () => formOf(deployment, dialect))?.edits ?? []),
          ...(betaEdits(providerOf(deployment.provider.kind).endpoints[dialect.name], request.headers, body)?.edits ??
            []),
        ],
      });
      return form.wrap?.(written, deployment.targetModel) ?? written;
    },
  });
  const counted = await counting.finally(() => pass?.settle(0, ports.clock.nowMs()));
  if (!counted) estimate();
}

/** The request that is to be counted; whatever stands around it is checked with it. */
function readCounted(body: Buffer, { dialect, unwrap }: CountForm, { named }: Arrival) {
  const scan = dialect.scanRequest(body, named);
  if (unwrap === undefined) return { body, scan };
  const inner = unwrap(body);
  return inner === body ? { body, scan } : { body: inner, scan: dialect.scanRequest(inner, named) };
}

function formOf({ provider, targetModel }: Deployment, dialect: Dialect): ReasoningForm {
  return profileOf(provider.kind, dialect.name, targetModel).reasoning;
}

/** undefined when policy allows none of those that could count. */
function unlessNoneCounts(choose: () => Choice): Choice | undefined {
  try {
    return choose();
  } catch (error) {
    if (error instanceof Fault && error.code === 'no_compliant_deployment') return undefined;
    throw error;
  }
}

function answerEstimate(
  arrival: Arrival,
  request: Parameters<typeof estimatedRequest>[0],
  { form, deployment }: { readonly form: CountForm; readonly deployment: Deployment },
): void {
  const family = familyOf(deployment.model);
  const tokens = estimateInputTokens(estimatedRequest(request), family);
  const headers = [
    'content-type',
    'application/json',
    'x-carrier-exchange-id',
    arrival.id,
    'x-carrier-deployment',
    deployment.id,
    'x-carrier-attempts',
    '0',
    'x-carrier-estimate',
    estimateRule(family),
  ];
  if (deployment.provider.sandbox) headers.push('x-carrier-sandbox', '1');
  respondBytes(arrival.request, arrival.response, 200, headers, Buffer.from(JSON.stringify(form.answer(tokens))));
}

interface CountOrder {
  readonly form: CountForm;
  readonly order: readonly Deployment[];
  /** A fault script, for emulated providers. */
  readonly emulate: string | undefined;
  /** Monotonic instant at which all of it must have ended. */
  readonly endsAtMs: number;
  readonly write: (deployment: Deployment) => Buffer;
}

/** Asks until one counts or the fault says that another would not either, and answers the client. False, without an
 *  answer, when the provider has no such path: hosts of the dialect differ in that. */
async function askInOrder(
  gateway: GatewayState,
  arrival: Arrival,
  { form, order, emulate, endsAtMs, write }: CountOrder,
): Promise<boolean> {
  for (const [index, deployment] of order.entries()) {
    const head = ['x-carrier-deployment', deployment.id, 'x-carrier-attempts', String(index + 1)];
    if (deployment.provider.sandbox) head.push('x-carrier-sandbox', '1');
    const question = { form, deployment, emulate, body: write(deployment), endsAtMs };
    const answer = await ask(gateway, arrival, question).catch(toFault);
    const fault = answer instanceof Fault ? answer : refusalOf(gateway, answer, form);
    if (!(answer instanceof Fault) && fault !== undefined && form.cannot?.test(answer.body.toString()) === true) {
      return false;
    }
    if (!(answer instanceof Fault) && (fault === undefined || shown.has(fault.code))) {
      const headers = [...relayHeaders(answer.headers, false), 'x-carrier-exchange-id', arrival.id, ...head];
      if (fault !== undefined) headers.push('x-carrier-fault', fault.code);
      respondBytes(arrival.request, arrival.response, answer.status, headers, answer.body);
      return true;
    }
    if (fault!.failover && index + 1 < order.length && !arrival.response.destroyed) continue;
    if (fault!.code === 'upstream_not_found') return false;
    refuse(gateway, arrival, fault!, head);
    return true;
  }
  return true;
}

/** The provider's own words, where they are about the request and not about our account. */
const shown: ReadonlySet<Fault['code']> = new Set<Fault['code']>(['upstream_invalid', 'context_overflow']);

function refusalOf(gateway: GatewayState, answer: CountAnswer, { dialect }: CountForm): Fault | undefined {
  if (answer.status < 300) return undefined;
  return dialect.decodeFault({ ...answer, nowMs: gateway.ports.clock.nowMs() });
}

interface CountAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

interface CountQuestion {
  readonly form: CountForm;
  readonly deployment: Deployment;
  /** A fault script, for an emulated provider. */
  readonly emulate: string | undefined;
  readonly body: Buffer;
  readonly endsAtMs: number;
}

async function ask(
  gateway: GatewayState,
  arrival: Arrival,
  { form, deployment, emulate, body, endsAtMs }: CountQuestion,
): Promise<CountAnswer> {
  const { ports } = gateway;
  const credential = ports.credential(deployment.provider.name);
  const { path, headers } = upstreamRequest({
    provider: deployment.provider,
    dialect: form.dialect.name,
    targetModel: deployment.targetModel,
    sameDialect: true,
    credential,
    clientHeaders: arrival.request.headers,
    query: arrival.query,
  });
  if (emulate !== undefined && deployment.provider.sandbox) headers.push('x-carrier-emulate', emulate);
  const upstream = gateway.upstreams.of(deployment.provider);
  const [plain = '', query] = path.split('?');
  const countPath = `${upstream.basePath}${form.pathOf(plain)}${query === undefined ? '' : `?${query}`}`;
  const authorise = providerOf(deployment.provider.kind).endpoints[form.dialect.name]?.authorise;
  if (authorise !== undefined) {
    const signing = { origin: upstream.origin, path: countPath, headers, body, credential };
    headers.push(...(await authorise({ ...signing, nowMs: ports.clock.nowMs() })));
  }
  const { promise, resolve, reject } = Promise.withResolvers<CountAnswer>();
  const receiver = new CountReceiver(resolve, reject);
  const leave = () => receiver.fail(new Fault('client_aborted'));
  arrival.response.once('close', leave);
  const late = setTimeout(
    () => receiver.fail(new Fault('deadline_exceeded')),
    Math.max(0, endsAtMs - gateway.deadlines.now()),
  );
  if (arrival.response.destroyed) leave();
  else {
    const options = { origin: upstream.origin, method: 'POST' as const, path: countPath, headers, body };
    upstream.dispatcher.dispatch({ ...options, headersTimeout: countMsMax, bodyTimeout: countMsMax }, receiver);
  }
  return promise.finally(() => {
    clearTimeout(late);
    arrival.response.off('close', leave);
  });
}

/** The longest that a client waits for a count, unless it allows less itself. */
const countMsMax = 30_000;
const countBytesMax = 256 * 1024;

class CountReceiver implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: CountAnswer) => void;
  readonly #reject: (fault: Fault) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #isOver = false;
  #status = 0;
  #headers: CountAnswer['headers'] = {};
  #bytes = 0;

  constructor(resolve: (answer: CountAnswer) => void, reject: (fault: Fault) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Nobody waits for the count any more. */
  fail(fault: Fault): void {
    this.#isOver = true;
    this.#reject(fault);
    this.#controller?.abort(abandoned);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(abandoned);
  }

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

const abandoned = new Error('the count is over');
