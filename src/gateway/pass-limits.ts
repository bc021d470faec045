import { Fault } from '../completion/fault.ts';
import type { RateLimitState } from '../completion/rate-limits.ts';
import { inputTotal, outputTotal, type Reading } from '../completion/usage.ts';
import { writeRateLimits } from '../dialects/rate-limits.ts';
import type { EndRecord } from '../journal/record.ts';
import { matchesPattern } from '../snapshot/allow.ts';
import { describeLimit, type Limit } from '../snapshot/limits.ts';
import type { Deployment, ResolvedRoute } from '../snapshot/load.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import type { LimitPass, LimitShortage, LimitState, RateLimits } from './ports.ts';

/** A request that its limits let through, as it goes on. */
export interface Passed {
  readonly exchange: Exchange;
  /** undefined: nothing limits it. */
  readonly pass: LimitPass | undefined;
}

/** Counts a request against the limits of its caller and its route. Deployments whose limit is used up leave the order;
 *  when none is left, the request takes the route that the limit names for that, or is refused. Throws Fault `rate_limited`
 *  or `request_over_limit`. */
export function passLimits(
  gateway: GatewayState,
  exchange: Exchange,
  chooseOn: (route: ResolvedRoute) => Promise<Exchange>,
): Passed | Promise<Passed> {
  if (exchange.principal.limits === undefined && exchange.route.limits === undefined) {
    return { exchange, pass: undefined };
  }
  return count(gateway, exchange, chooseOn);
}

/** Counts a request that uses no tokens. Throws Fault `rate_limited`. */
export async function passRequest(
  { ports }: GatewayState,
  asked: Pick<Exchange, 'principal' | 'route' | 'order'>,
): Promise<LimitPass | undefined> {
  if (asked.principal.limits === undefined && asked.route.limits === undefined) return undefined;
  const limits = limitsOf(asked, new Set()).filter(({ counts }) => counts !== 'tokens');
  const nowMs = ports.clock.nowMs();
  const answer = await ports.limits.take({ limits, tokens: 0, nowMs });
  if ('short' in answer) throw refusalOf(ports.limits, answer, limits, nowMs);
  return answer;
}

async function count(
  { ports }: GatewayState,
  first: Exchange,
  chooseOn: (route: ResolvedRoute) => Promise<Exchange>,
): Promise<Passed> {
  /** Limits that a request left by the way that they name. */
  const left = new Set<string>();
  let exchange = first;
  // Each round shortens the order or leaves a limit behind, so there are no more rounds than of both.
  for (;;) {
    const limits = limitsOf(exchange, left);
    const { inputTokens, outputTokens } = exchange.decision.facts;
    refuseWhatNeverFits(limits, inputTokens);
    const nowMs = ports.clock.nowMs();
    const answer = await ports.limits.take({ limits, tokens: inputTokens + outputTokens, nowMs });
    if (!('short' in answer)) {
      const rateLimits = () => rateLimitHeaders(ports.limits, limits, exchange.dialect.name, ports.clock.nowMs());
      return { exchange: { ...exchange, rateLimits }, pass: answer };
    }
    const { short } = answer;
    const order = exchange.order.filter(deployment => !isOf(short, deployment));
    if (order.length > 0 && isOfSome(short)) {
      exchange = { ...exchange, order };
      continue;
    }
    const refusal = refusalOf(ports.limits, answer, limits, nowMs);
    const cheaper = downgradeOf(short, first);
    if (cheaper === undefined) throw refusal;
    left.add(short.id);
    const chosen = await chooseOn(cheaper).catch(() => {
      throw refusal;
    });
    exchange = { ...chosen, downgradedTo: cheaper.name };
  }
}

/** Those of the caller that the request falls under, and those that all callers of the route share. */
function limitsOf(
  { principal, route, order }: Pick<Exchange, 'principal' | 'route' | 'order'>,
  left: ReadonlySet<string>,
): readonly Limit[] {
  const own = (principal.limits ?? []).filter(limit => falls(limit, route, order));
  const all = route.limits === undefined ? own : [...own, ...route.limits];
  return left.size === 0 ? all : all.filter(({ id }) => !left.has(id));
}

function falls(limit: Limit, route: ResolvedRoute, order: readonly Deployment[]): boolean {
  if (limit.route !== undefined && !matchesPattern(limit.route, route.name)) return false;
  return !isOfSome(limit) || order.some(deployment => isOf(limit, deployment));
}

/** Is it of some deployments only? */
function isOfSome({ model, provider }: Limit): boolean {
  return model !== undefined || provider !== undefined;
}

function isOf({ model, provider }: Limit, deployment: Deployment): boolean {
  if (model !== undefined && !matchesPattern(model, deployment.model)) return false;
  return provider === undefined || matchesPattern(provider, deployment.provider.name);
}

/** What it brings is more than a whole window: waiting would not help. How long its answer will be nobody knows. */
function refuseWhatNeverFits(limits: readonly Limit[], inputTokens: number): void {
  for (const limit of limits) {
    if (limit.counts !== 'tokens' || limit.shadow === true || inputTokens <= limit.limit) continue;
    throw new Fault(
      'request_over_limit',
      `The request alone is about ${inputTokens} tokens, which never fits: ${describeLimit(limit)}.`,
    );
  }
}

/** The route that serves instead of a refusal; undefined where none is named, or it must not. */
export function downgradeOf(
  { onExhausted }: { readonly onExhausted?: string | undefined },
  { carrier, snapshot, principal }: Pick<Exchange, 'carrier' | 'snapshot' | 'principal'>,
): ResolvedRoute | undefined {
  if (onExhausted === undefined || carrier.strict) return undefined;
  const route = snapshot.resolve(onExhausted);
  return route instanceof Fault || !snapshot.allows(principal, route) ? undefined : route;
}

function refusalOf(
  limits: RateLimits,
  { short, used, retryAfterMs }: LimitShortage,
  all: readonly Limit[],
  nowMs: number,
): Fault {
  const within = short.windowMs === undefined ? 'at once' : short.windowMs === 60_000 ? 'this minute' : 'today (UTC)';
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const message = `The limit is reached: ${describeLimit(short)}; used ${used} of ${short.limit} ${within}. Try again in ${seconds} s.`;
  return new Fault('rate_limited', message, { retryAfterMs, rateLimits: tightest(limits, all, nowMs) });
}

/** Once the exchange is over, what it used in truth is what counts; of limits on models or providers only that of who was
 *  asked. Without an end nothing was ever sent. */
export function settleLimits(pass: LimitPass, { order }: Exchange, end: EndRecord | undefined, nowMs: number): void {
  if (end === undefined) {
    pass.settle(undefined, nowMs);
    return;
  }
  const asked = new Set(end.attempts.map(({ deployment }) => deployment));
  const applies = (limit: Limit) =>
    !isOfSome(limit) || order.some(deployment => asked.has(deployment.id) && isOf(limit, deployment));
  pass.settle(tokensOf(end.reading), nowMs, applies);
}

/** Everything that was read and written, from a cache or not. */
export function tokensOf(reading: Reading | undefined): number {
  return reading === undefined ? 0 : inputTotal(reading.slices) + outputTotal(reading.slices);
}

function rateLimitHeaders(
  limits: RateLimits,
  all: readonly Limit[],
  dialect: Exchange['dialect']['name'],
  nowMs: number,
): string[] {
  return writeRateLimits(tightest(limits, all, nowMs), dialect, nowMs);
}

/** Of requests and of tokens, the limit of which least is left. */
function tightest(limits: RateLimits, all: readonly Limit[], nowMs: number): readonly RateLimitState[] {
  return (['requests', 'tokens'] as const).flatMap(kind => {
    let least: LimitState | undefined;
    for (const limit of all) {
      if (limit.counts !== kind || limit.shadow === true) continue;
      const state = limits.state(limit, nowMs);
      if (least === undefined || state.remaining < least.remaining) least = state;
    }
    return least === undefined
      ? []
      : [{ kind, limit: least.limit.limit, remaining: least.remaining, resetMs: least.resetMs }];
  });
}
