import { Fault } from '../completion/fault.ts';
import type { Dialect, RequestScan } from '../dialects/dialect.ts';
import type { AdmitRecord } from '../journal/record.ts';
import { usageBounds } from '../metering/bounds.ts';
import { toolTokensBound } from '../metering/tool-bounds.ts';
import { maximumCharge, outputTokensWithin, type UsageBounds } from '../pricing/maximum-charge.ts';
import type { RateCard } from '../pricing/rate-card.ts';
import { cardsWithin } from '../pricing/timeline.ts';
import { counts } from '../snapshot/budgets.ts';
import { type Deployment, type Principal, sellPrices } from '../snapshot/load.ts';
import type { Exchange } from './exchange.ts';
import type { BudgetHold, BudgetHolds } from './ports.ts';
import { toolCallsMax } from './tool-calls-max.ts';

/** What may be tried, and what is set aside for it. */
export interface Fitting {
  /** The order of the decision, without deployments whose cost the hold would not cover. */
  readonly order: readonly Deployment[];
  /** undefined when no hard budget applies. */
  readonly hold: BudgetHold | undefined;
  /** Of budgets, and pools of a wallet, that are not for all of the order: the ids of the deployments that each is for. */
  readonly pools?: ReadonlyMap<string, readonly string[]> | undefined;
  /** The output limit to send instead of the client's, where the key allows lowering it. */
  readonly loweredOutputTokensMax: number | undefined;
}

/** The same once it is in the journal. */
export interface Admission extends Fitting {
  readonly record: AdmitRecord;
}

export interface AdmissionQuestion {
  readonly order: readonly Deployment[];
  readonly principal: Principal;
  /** What was asked for. */
  readonly routeName: string;
  readonly client: Dialect;
  readonly body: Buffer;
  readonly scan: RequestScan;
  /** Of the body, with what is put into it before it is sent. */
  readonly bodyBytes: number;
  readonly strict: boolean;
  readonly nowMs: number;
  /** Of all waiting, by the request's own deadline. */
  readonly waitMsMax: number;
  /** How long after it an attempt may still be dispatched: by then other prices may hold. */
  readonly lifetimeMs: number;
}

/** Sets aside the most that the exchange can cost: the maximum over the order, since any of them may answer. When that
 *  does not fit, the order is shortened to what does; when nothing does, the output limit is lowered, if the key allows
 *  it. Of a wallet only money counts that can pay for the deployment, and of budgets only those that the deployment counts
 *  against: where that differs within the order, each holds the amount, and only those of the deployment that answers are
 *  charged. What costs nothing is never refused. Throws Fault `budget_exhausted` or `budget_unverifiable`. */
export function takeHold(question: AdmissionQuestion, budgets: BudgetHolds): Fitting | Promise<Fitting> {
  const { order, principal } = question;
  const { hardBudgets, narrowedBudgets, scopedWallet } = principal;
  if (hardBudgets.length === 0 && scopedWallet === undefined && narrowedBudgets === undefined) {
    return { order, hold: undefined, loweredOutputTokensMax: undefined };
  }
  const costs = order.map(deployment => worstCost(question, deployment));
  const whole = take(question, budgets, order, maximum(costs));
  if (whole instanceof Fault || whole instanceof Promise) return holdWhatFits(question, budgets, costs, whole);
  return fitting(question, order, whole);
}

/** What remains to be done where the whole hold is not there at once. */
async function holdWhatFits(
  question: AdmissionQuestion,
  budgets: BudgetHolds,
  costs: readonly bigint[],
  taken: ReturnType<BudgetHolds['take']>,
): Promise<Fitting> {
  const { order, principal } = question;
  const whole = await taken;
  if (!(whole instanceof Fault)) return fitting(question, order, whole);
  if (whole.code !== 'budget_exhausted') return holdNothing(question, budgets, costs, whole);
  // Asking what is left gathers it here, away from others: only where something could be done with less.
  const lowerable = principal.lowerOutputToFit && !question.strict;
  const groups = groupByBudgets(question, order);
  if (!lowerable && groups.length === 1 && costs.every(cost => cost === costs[0])) throw whole;

  const available = new Map<Deployment, bigint>();
  for (const group of groups) {
    const amount = await budgets.available(bindingBudgets(question, group), question.nowMs);
    for (const deployment of group) available.set(deployment, amount);
  }
  const affordable = order.filter((deployment, index) => costs[index]! <= available.get(deployment)!);
  // What each pool has may partly be the same money: where it does not do for all, it does for the first that can pay.
  const choices = groups.length === 1 ? [affordable] : [affordable, ...groupByBudgets(question, affordable)];
  for (const chosen of choices) {
    if (chosen.length === 0) continue;
    const amount = maximum(chosen.map(deployment => costs[order.indexOf(deployment)]!));
    const hold = await take(question, budgets, chosen, amount);
    if (!(hold instanceof Fault)) return fitting(question, chosen, hold);
    if (hold.code !== 'budget_exhausted' || groups.length === 1) throw hold;
  }
  return lowerOutput(question, available, budgets, whole);
}

/** Whether there is money nobody can say: what costs nothing needs none. */
async function holdNothing(
  question: AdmissionQuestion,
  budgets: BudgetHolds,
  costs: readonly bigint[],
  refusal: Fault,
): Promise<Fitting> {
  const free = question.order.filter((_, index) => costs[index] === 0n);
  const hold = free.length === 0 ? refusal : await take(question, budgets, free, 0n);
  if (hold instanceof Fault) throw hold;
  return fitting(question, free, hold);
}

async function lowerOutput(
  question: AdmissionQuestion,
  available: ReadonlyMap<Deployment, bigint>,
  budgets: BudgetHolds,
  refusal: Fault,
): Promise<Fitting> {
  const { order, principal, strict } = question;
  if (!principal.lowerOutputToFit || strict) throw refusal;
  for (const deployment of order) {
    const cards = sellCards(question, deployment);
    const bounds = boundsOf(question, deployment, cards);
    const all = outputTokensWithin(available.get(deployment)!, bounds, cards) ?? 0;
    // The bound is of all answers together, the limit on the wire of each.
    const lowered = Math.floor(all / question.scan.answers);
    if (lowered < loweredOutputTokensMin) continue;
    const lowerBounds = { ...bounds, outputTokensMax: lowered * question.scan.answers };
    const charge = maximumCharge(lowerBounds, cards);
    const hold = await take(question, budgets, [deployment], charge);
    if (hold instanceof Fault) throw hold;
    return { order: [deployment], hold, loweredOutputTokensMax: lowered };
  }
  throw refusal;
}

/** Output tokens, at most `outputTokensMax`, of a larger request to a deployment of the order that cost no more than what is
 *  held; below 1 when there are none. */
export function outputTokensFitting(
  exchange: Pick<
    Exchange,
    'order' | 'principal' | 'dialect' | 'body' | 'scan' | 'carrier' | 'route' | 'arrival' | 'totalEndsAtMs'
  >,
  { hold }: Fitting,
  deployment: Deployment,
  { bodyBytes, outputTokensMax }: { readonly bodyBytes: number; readonly outputTokensMax: number },
): number {
  if (hold === undefined || outputTokensMax < 1) return outputTokensMax;
  const question = admissionQuestion(exchange, bodyBytes);
  const cards = sellCards(question, deployment);
  const bounds = { ...boundsOf(question, deployment, cards), outputTokensMax };
  return outputTokensWithin(hold.amount, bounds, cards) ?? 0;
}

/** What is asked of the budgets for an exchange; `bodyBytes` with what is put into its body before it is sent. */
export function admissionQuestion(
  exchange: Pick<
    Exchange,
    'order' | 'principal' | 'dialect' | 'body' | 'scan' | 'carrier' | 'route' | 'arrival' | 'totalEndsAtMs'
  >,
  bodyBytes: number,
): AdmissionQuestion {
  const { order, principal, dialect, body, scan, carrier, route, arrival, totalEndsAtMs } = exchange;
  return {
    order,
    principal,
    routeName: route.name,
    client: dialect,
    body,
    scan,
    bodyBytes,
    strict: carrier.strict,
    lifetimeMs: route.policy.totalTimeoutMs,
    nowMs: arrival.atMs,
    waitMsMax: totalEndsAtMs - arrival.startedMs,
  };
}

/** An answer shorter than that is of no use to anyone, and some providers refuse such limits. */
const loweredOutputTokensMin = 16;

function worstCost(question: AdmissionQuestion, deployment: Deployment): bigint {
  const cards = sellCards(question, deployment);
  return maximumCharge(boundsOf(question, deployment, cards), cards);
}

function boundsOf(question: AdmissionQuestion, deployment: Deployment, cards: readonly RateCard[]): UsageBounds {
  const { client, scan, bodyBytes } = question;
  const { media, hasTools, outputTokensMax, answers } = scan;
  const textBytes = bodyBytes - media.bytesInBody;
  const request = { dialect: client.name, textBytes, media, hasTools, outputTokensMax, answers };
  const countsMax = toolCallsMax(question, deployment, cards);
  const bounds = usageBounds(request, deployment);
  if (countsMax === undefined) return bounds;
  const found = toolTokensBound(countsMax, deployment.toolTokensPerCall);
  return { ...bounds, textTokensMax: bounds.textTokensMax + found, countsMax };
}

/** What may hold when an attempt is dispatched. */
function sellCards({ principal, nowMs, lifetimeMs }: AdmissionQuestion, deployment: Deployment): readonly RateCard[] {
  const prices = sellPrices(deployment, principal);
  const cards = prices === undefined ? [] : cardsWithin(prices, { fromMs: nowMs, toMs: nowMs + lifetimeMs });
  if (cards.length === 0) throw new Error(`deployment ${deployment.id} was chosen without a sell price`);
  return cards;
}

function take(question: AdmissionQuestion, budgets: BudgetHolds, order: readonly Deployment[], amount: bigint) {
  return budgets.take(bindingBudgets(question, order), amount, question.nowMs, question.waitMsMax);
}

function fitting(question: AdmissionQuestion, order: readonly Deployment[], hold: BudgetHold): Fitting {
  return { order, hold, loweredOutputTokensMax: undefined, pools: poolsOf(question, order) };
}

function poolsOf(
  question: AdmissionQuestion,
  order: readonly Deployment[],
): ReadonlyMap<string, readonly string[]> | undefined {
  if (order.length === 1 || isOneForAll(question.principal)) return undefined;
  const pools = new Map<string, string[]>();
  for (const deployment of order) {
    for (const budget of ownBudgets(question, deployment)) {
      const deployments = pools.get(budget);
      if (deployments === undefined) pools.set(budget, [deployment.id]);
      else deployments.push(deployment.id);
    }
  }
  for (const [budget, deployments] of pools) if (deployments.length === order.length) pools.delete(budget);
  return pools.size === 0 ? undefined : pools;
}

/** Do the same budgets bind whatever answers? */
function isOneForAll({ scopedWallet, narrowedBudgets }: Principal): boolean {
  return scopedWallet === undefined && narrowedBudgets === undefined;
}

/** What binds this deployment, beside what binds all. */
function ownBudgets({ principal, routeName }: AdmissionQuestion, deployment: Deployment): readonly string[] {
  const { scopedWallet, narrowedBudgets = [] } = principal;
  const budgets = narrowedBudgets.filter(budget => counts(budget, routeName, deployment)).map(({ id }) => id);
  return scopedWallet === undefined ? budgets : [...budgets, scopedWallet.poolOf(deployment)];
}

/** Every budget that must hold the cost of whichever of these answers. */
function bindingBudgets(question: AdmissionQuestion, order: readonly Deployment[]): readonly string[] {
  const { principal } = question;
  if (isOneForAll(principal)) return principal.hardBudgets;
  return [...principal.hardBudgets, ...new Set(order.flatMap(deployment => ownBudgets(question, deployment)))];
}

/** Those that the same budgets bind, in the order of their first. */
function groupByBudgets(question: AdmissionQuestion, order: readonly Deployment[]): readonly (readonly Deployment[])[] {
  if (isOneForAll(question.principal)) return [order];
  return [...Map.groupBy(order, deployment => ownBudgets(question, deployment).join('\n')).values()];
}

function maximum(amounts: readonly bigint[]): bigint {
  let most = 0n;
  for (const amount of amounts) if (amount > most) most = amount;
  return most;
}
