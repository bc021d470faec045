import type {
  CandidateView,
  DecisionRecord,
  ExclusionReason,
  Observations,
  PolicyReason,
  RecordedCandidate,
  RequestFacts,
} from './decision.ts';
import { type Cost, type Draw, type Health, healthReasons } from './decision.ts';
import { drawByShare, orderBySession, type Ticket, tiesOf } from './draw-order.ts';
import { unhealthyBy } from './health-filter.ts';
import { excludedBy } from './policy-filter.ts';
import { homeOf, KeyedDraws, lotOf } from './prf.ts';
import { isScored, needsCost, scoresOf } from './score.ts';

/** The order in which to try candidates, and why. Pure and integer; sees handles, never names (I5).
 *
 *  Policy filters fail closed: an excluded candidate is never in the order. Health filters fail open: while at least half
 *  of the compliant candidates are healthy, the others are left out, but for the full ones where the request may wait; otherwise they stay, behind the healthy ones, those
 *  that recover soonest first, and the record says `panic`. Inside a group come candidates that made the reasoning state
 *  which the request gives back, then (policy `priority`) lower priorities, then better scores; what no score tells
 *  apart is drawn by weight. The draw gives the failover order at once: the second place needs no second decision.
 *
 *  The result does not depend on the order of `candidates`. */
export function decide(
  candidates: readonly CandidateView[],
  observations: Observations,
  facts: RequestFacts,
  draw: Draw,
): DecisionRecord {
  // One candidate has nothing to draw, so no lot is needed either: the usual case costs no hashing.
  const alone = candidates.length < 2;
  const lots = candidates.map(({ handle }) => (alone ? soleLot : lotOf(draw.seed, handle)));
  const isSticky = facts.policy === 'sticky' && facts.session !== undefined && !alone;
  const homes = candidates.map(({ handle }) => (isSticky ? homeOf(handle) : soleLot));
  return decideByLots(candidates, { lots, homes }, observations, facts, draw);
}

/** `lots[i]` and `homes[i]` belong to `candidates[i]`. */
export interface Lottery {
  /** Of this epoch: in their order candidates are drawn. */
  readonly lots: readonly string[];
  /** Of all epochs: a session stays where it is when the epoch changes. */
  readonly homes: readonly string[];
}

/** As `decide`, with the lots given. Renaming handles while keeping lots renames the decision and changes nothing else. */
export function decideByLots(
  candidates: readonly CandidateView[],
  { lots, homes }: Lottery,
  observations: Observations,
  facts: RequestFacts,
  draw: Draw,
): DecisionRecord {
  const entries = candidates.map((view, index): Entry => {
    const health = observations.health.get(view.handle);
    const cost = observations.costs?.get(view.handle);
    const policy = excludedBy(view, facts, cost);
    const unwell = unhealthyBy(health, observations.atMs);
    const last = unwell.at(-1);
    const severity = last === undefined ? 0 : 1 + healthReasons.indexOf(last);
    return { view, lot: lots[index]!, home: homes[index]!, health, cost, policy, unwell, severity };
  });
  if (entries.length > 1) entries.sort(byLot);

  const compliant = entries.filter(({ policy }) => policy.length === 0);
  const healthy = compliant.filter(({ severity }) => severity === 0);
  const panic = healthy.length * 2 < compliant.length;
  const kept = panic ? compliant : facts.mayWait === true ? compliant.filter(isNoWorseThanFull) : healthy;
  const tickets = ticketsOf(kept, facts);
  const draws = new KeyedDraws(draw.seed, facts.exchangeId);
  const order: RankedTicket[] = [];
  const chances = new Map<RankedTicket, number>();
  for (const group of groupsOf(tickets, facts)) {
    let left: readonly RankedTicket[] = group;
    while (left.length > 0) {
      const { ties, rest } = tiesOf(left);
      if (order.length === 0) noteChances(ties, chances);
      order.push(...arrange(ties, facts, draws));
      left = rest;
    }
  }
  return recordOf(entries, { tickets, chances, panic, order }, observations, facts, draw);
}

/** Who is full has room again in a moment: for a request that may wait, that is no reason to do without it. */
function isNoWorseThanFull({ severity }: Entry): boolean {
  return severity <= fullSeverity;
}

interface Entry {
  readonly view: CandidateView;
  readonly lot: string;
  readonly home: string;
  readonly health: Health | undefined;
  readonly cost: Cost | undefined;
  readonly policy: readonly PolicyReason[];
  readonly unwell: readonly ExclusionReason[];
  /** 0 is healthy; else 1 + place in `healthReasons`. */
  readonly severity: number;
}

const fullSeverity = 1 + healthReasons.indexOf('SATURATED');

interface RankedTicket extends Ticket {
  readonly entry: Entry;
  readonly home: string;
}

const soleLot = '0000000000000000';

function ticketsOf(entries: readonly Entry[], facts: RequestFacts): RankedTicket[] {
  const scores = scoresOf(entries, facts);
  return entries.map((entry, index) => ({
    ...scores[index]!,
    entry,
    home: entry.home,
    share: entry.view.weight * (entry.health?.rampPermille ?? wholeRamp),
  }));
}

const wholeRamp = 1_000;

/** What comes before what, whatever the scores say. Tickets stay in lot order inside their group. */
function groupsOf(tickets: readonly RankedTicket[], { policy }: RequestFacts): readonly (readonly RankedTicket[])[] {
  if (tickets.length < 2) return [tickets];
  const comparesCost = needsCost(policy);
  // By hand: records are replayed on engines that have no Map.groupBy.
  const groups = new Map<number, RankedTicket[]>();
  for (const ticket of tickets) {
    const { entry } = ticket;
    const ranks = [
      entry.severity,
      entry.health?.madeState === true ? 0 : 1,
      // What nobody can price is not free: it comes behind what can be compared.
      comparesCost && entry.cost === undefined ? 1 : 0,
      policy === 'priority' ? entry.view.priority : 0,
    ];
    const rank = ranks.reduce((sum, next) => sum * rankSpan + next, 0);
    const group = groups.get(rank);
    if (group === undefined) groups.set(rank, [ticket]);
    else group.push(ticket);
  }
  if (groups.size === 1) return [tickets];
  return [...groups].sort(([left], [right]) => left - right).map(([, group]) => group);
}

/** Above every rank, and small enough that four of them are exact. */
const rankSpan = 8_192;

function arrange(ties: readonly RankedTicket[], facts: RequestFacts, draws: KeyedDraws): readonly RankedTicket[] {
  if (ties.length < 2) return ties;
  if (facts.policy === 'sticky' && facts.session !== undefined) return orderBySession(ties, facts.session);
  return drawByShare(ties, draws);
}

function noteChances(ties: readonly RankedTicket[], chances: Map<RankedTicket, number>): void {
  const shares = ties.reduce((sum, { share }) => sum + share, 0);
  for (const [index, ticket] of ties.entries()) {
    const sole = shares === 0 ? (index === 0 ? million : 0) : undefined;
    // Below 10⁹ × 10⁶, so exact.
    chances.set(ticket, sole ?? Math.floor((ticket.share * million) / shares));
  }
}

const million = 1_000_000;

function byLot(left: Entry, right: Entry): number {
  if (left.lot !== right.lot) return left.lot < right.lot ? -1 : 1;
  return left.view.handle < right.view.handle ? -1 : 1;
}

interface Result {
  readonly tickets: readonly RankedTicket[];
  readonly chances: ReadonlyMap<RankedTicket, number>;
  readonly panic: boolean;
  readonly order: readonly RankedTicket[];
}

/** One key order, always: equal decisions are equal bytes. */
function recordOf(
  entries: readonly Entry[],
  { tickets, chances, panic, order }: Result,
  { atMs }: Observations,
  facts: RequestFacts,
  draw: Draw,
): DecisionRecord {
  const scored = isScored(facts.policy);
  const ticketOf = new Map(tickets.map(ticket => [ticket.entry, ticket]));
  return {
    v: 2,
    epoch: draw.epoch,
    seed: draw.seed,
    atMs,
    facts: factsInOrder(facts),
    candidates: entries.map(entry => {
      const { view, lot, health, cost, policy, unwell } = entry;
      const ticket = ticketOf.get(entry);
      const chance = ticket === undefined ? undefined : chances.get(ticket);
      const recorded: Writable<RecordedCandidate> = { h: view.handle, lot, view: viewInOrder(view) };
      if (health !== undefined) recorded.health = healthInOrder(health);
      if (cost !== undefined) recorded.cost = costInOrder(cost);
      if (policy.length + unwell.length > 0) recorded.out = [...policy, ...unwell];
      if (ticket !== undefined && scored) recorded.score = ticket.score;
      if (chance !== undefined) recorded.p = chance;
      return recorded;
    }),
    panic,
    order: order.map(({ entry }) => entry.view.handle),
  };
}

/** Keys that are undefined are not written: they are not there when the record is read again. */
function factsInOrder(facts: RequestFacts): RequestFacts {
  const { exchangeId, dialect, policy, zones, inputTokens, outputTokens } = facts;
  const { sameDialectOnly, needs, tiers, costNanoMax, session, mayWait } = facts;
  return {
    exchangeId,
    dialect,
    policy,
    ...(zones === undefined ? undefined : { zones }),
    inputTokens,
    outputTokens,
    ...(sameDialectOnly === true ? { sameDialectOnly } : undefined),
    ...(needs === undefined || needs.length === 0 ? undefined : { needs }),
    ...(tiers === undefined ? undefined : { tiers }),
    ...(costNanoMax === undefined ? undefined : { costNanoMax }),
    ...(session === undefined ? undefined : { session }),
    ...(mayWait === true ? { mayWait } : undefined),
  };
}

/** Keys are set one by one: spreading what is absent costs more than deciding. */
type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

function viewInOrder(view: CandidateView): RecordedCandidate['view'] {
  const { weight, priority, zone, dialects, priced, allowed, capabilities, contextTokensMax, tier } = view;
  const ordered: Writable<RecordedCandidate['view']> = { weight, priority, zone, dialects, priced, allowed };
  if (capabilities !== undefined) ordered.capabilities = capabilities;
  if (contextTokensMax !== undefined) ordered.contextTokensMax = contextTokensMax;
  if (tier !== undefined) ordered.tier = tier;
  return ordered;
}

function healthInOrder(health: Health): Health {
  const said: Record<string, unknown> = {};
  for (const key of healthKeys) {
    const value = health[key];
    if (value !== undefined && value !== false) said[key] = value;
  }
  // Only keys of Health, each with its own value.
  return said as Health;
}

const healthKeys = [
  'firstTokenUs',
  'perTokenUs',
  'spread',
  'errorPpm',
  'inFlight',
  'concurrencyMax',
  'breaker',
  'coolingUntilMs',
  'rampPermille',
  'madeState',
] as const satisfies readonly (keyof Health)[];

function costInOrder({ nano, savedNano }: Cost): Cost {
  return savedNano === undefined ? { nano } : { nano, savedNano };
}
