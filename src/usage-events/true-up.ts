import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { RatedAmount } from '../journal/record.ts';
import { cogsPriceVariance } from '../ledger/accounts.ts';
import { bookCorrections, lockCorrections } from '../ledger/correct.ts';
import { findStandings, type Standing, type StandingAttempt } from '../ledger/standing.ts';
import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';
import { claimRefs, insertConflicts, refOf } from './event-keys.ts';
import type { EventProblem, TrueUp } from './usage-event.ts';

/** booked: the difference is in the ledger (also when it is nothing). duplicate, conflict: as for usage. */
export interface BookedTrueUp {
  readonly ref: string;
  readonly outcome: 'booked' | 'duplicate' | 'conflict';
  readonly reason?: string;
  /** Of a booked one: what the attempt was known to cost before, and what it costs now. */
  readonly cost?: { readonly beforeAtto: bigint; readonly figureAtto: bigint; readonly currency: string };
}

interface Candidate {
  readonly ref: string;
  readonly digest: string;
  readonly trueUp: TrueUp;
  readonly json: unknown;
}

/** Some of the figures are of nothing that is known here; nothing of them was booked. */
export class TrueUpRefused extends Error {
  override readonly name = 'TrueUpRefused';
  /** By the figure's place in the call. */
  readonly problems: readonly { readonly index: number; readonly problem: EventProblem }[];
  constructor(problems: TrueUpRefused['problems']) {
    super(problems.map(({ problem }) => `${problem.path}: ${problem.message}`).join('; '));
    this.problems = problems;
  }
}

/** Books later, better figures for what attempts cost, all of them in one transaction. Our own rating stays beside: the
 *  difference stands on cogs:price_variance, and a second figure replaces the difference of the first. Throws
 *  TrueUpRefused, having booked nothing, when an exchange is not kept, has no such attempt, is quarantined, or is owed in
 *  another currency. */
export async function bookTrueUps(
  store: Store,
  trueUps: readonly { readonly trueUp: TrueUp; readonly json: unknown }[],
): Promise<readonly BookedTrueUp[]> {
  const candidates = trueUps.map(({ trueUp, json }): Candidate => {
    return { ref: refOf(trueUp), digest: digestOf(trueUp), trueUp, json };
  });
  const client = await store.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    await lockCorrections(client);
    const results = await bookAll(client, candidates);
    await client.query('commit');
    return results;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    // Closing the connection undoes the transaction.
    client.release(broken);
  }
}

async function bookAll(client: pg.ClientBase, candidates: readonly Candidate[]): Promise<readonly BookedTrueUp[]> {
  const claims = await claimRefs(client, candidates);
  await insertConflicts(
    client,
    candidates.filter(candidate => claims.get(candidate) === 'conflict'),
  );
  const fresh = candidates.filter(candidate => claims.get(candidate) === 'fresh');
  const costs = new Map<Candidate, BookedTrueUp['cost']>();
  // Of several figures for one exchange each begins from what the one before left.
  for (const round of inRounds(fresh)) {
    for (const [candidate, cost] of await bookRound(client, round, candidates)) costs.set(candidate, cost);
  }
  return candidates.map((candidate): BookedTrueUp => {
    const { ref } = candidate;
    const claim = claims.get(candidate);
    if (claim === 'duplicate') return { ref, outcome: 'duplicate' };
    if (claim === 'conflict') {
      return { ref, outcome: 'conflict', reason: 'this source told another figure under this id before' };
    }
    return { ref, outcome: 'booked', ...(costs.has(candidate) ? { cost: costs.get(candidate)! } : {}) };
  });
}

function inRounds(candidates: readonly Candidate[]): Candidate[][] {
  const rounds: Candidate[][] = [];
  const seen = new Map<string, number>();
  for (const candidate of candidates) {
    const { exchange } = candidate.trueUp;
    const round = seen.get(exchange) ?? 0;
    seen.set(exchange, round + 1);
    const others = rounds[round];
    if (others === undefined) rounds.push([candidate]);
    else others.push(candidate);
  }
  return rounds;
}

interface Known {
  readonly candidate: Candidate;
  readonly standing: Standing;
  readonly attempt: StandingAttempt;
  readonly rated: RatedAmount;
  readonly beforeAtto: bigint;
}

async function bookRound(
  client: pg.ClientBase,
  round: readonly Candidate[],
  all: readonly Candidate[],
): Promise<readonly (readonly [Candidate, BookedTrueUp['cost']])[]> {
  const standings = new Map(
    (
      await findStandings(
        client,
        round.map(({ trueUp }) => trueUp.exchange),
      )
    ).map(standing => [standing.id, standing]),
  );
  const lines = await readLines(client, [...standings.values()]);
  const problems: { index: number; problem: EventProblem }[] = [];
  const known: Known[] = [];
  for (const candidate of round) {
    const found = knownOf(candidate, standings.get(candidate.trueUp.exchange), lines);
    if ('path' in found) problems.push({ index: all.indexOf(candidate), problem: found });
    else known.push(found);
  }
  if (problems.length > 0) throw new TrueUpRefused(problems);
  const changing = known.filter(({ candidate, beforeAtto }) => candidate.trueUp.figureAtto !== beforeAtto);
  await bookCorrections(
    client,
    changing.map(({ candidate, standing, attempt, rated }) => ({
      standing,
      kind: 'true-up',
      run: candidate.ref,
      reason: `the provider's ${candidate.trueUp.origin} says what attempt ${attempt.attempt} cost`,
      state: standing.state,
      charges: [
        {
          book: 'buy',
          attempt: attempt.attempt,
          rated,
          varianceAtto: candidate.trueUp.figureAtto - BigInt(rated.amountAtto),
        },
      ],
    })),
  );
  await insertTrueUps(client, known);
  return known.map(({ candidate, beforeAtto }) => {
    const { figureAtto, currency } = candidate.trueUp;
    return [candidate, { beforeAtto, figureAtto, currency }] as const;
  });
}

type Lines = ReadonlyMap<string, RatedAmount['lines']>;

function knownOf(candidate: Candidate, standing: Standing | undefined, lines: Lines): Known | EventProblem {
  const { trueUp } = candidate;
  if (standing === undefined) return { path: 'data.exchange', message: 'no exchange of this id is kept' };
  const attempt = standing.attempts.find(each => each.attempt === trueUp.attempt);
  if (attempt === undefined) return { path: 'data.attempt', message: 'the exchange has no such attempt' };
  if (attempt.reading.quarantine !== undefined) {
    return { path: 'data.attempt', message: 'its reading is quarantined; resolve it first' };
  }
  const { buy } = attempt;
  if (buy !== undefined && buy.currency !== trueUp.currency) {
    return { path: 'data.cost.currency', message: `the attempt is owed in ${buy.currency}` };
  }
  const rated: RatedAmount =
    buy === undefined
      ? // Nothing was owed by our own prices: a refused attempt that was billed all the same.
        { amountAtto: '0', currency: trueUp.currency, version: 'none', lines: [] }
      : {
          amountAtto: buy.amountAtto.toString(),
          currency: buy.currency,
          version: buy.version,
          lines: lines.get(`${standing.id} ${attempt.attempt}`) ?? [],
        };
  return { candidate, standing, attempt, rated, beforeAtto: BigInt(rated.amountAtto) + varianceOf(standing, attempt) };
}

/** What an earlier figure put beside the rating. */
function varianceOf({ legs }: Standing, { attempt }: StandingAttempt): bigint {
  let variance = 0n;
  for (const leg of legs) {
    if (leg.attempt !== attempt) continue;
    if (leg.debitName === cogsPriceVariance.name) variance += leg.amountAtto;
    if (leg.creditName === cogsPriceVariance.name) variance -= leg.amountAtto;
  }
  return variance;
}

/** How the costs that stand were rated, by exchange and attempt: the newest correction's lines, else the charge's. */
async function readLines(client: pg.ClientBase, standings: readonly Standing[]): Promise<Lines> {
  if (standings.length === 0) return new Map();
  const { rows } = await client.query(
    `select exchange_id, attempt, lines, 0 as number from charge
      where book = 'buy' and (at, exchange_id) in (select * from unnest($1::timestamptz[], $2::text[]))
     union all
     select exchange_id, attempt, lines, number from corrected_charge
      where book = 'buy' and (at, exchange_id) in (select * from unnest($1::timestamptz[], $2::text[]))
     order by number`,
    [standings.map(({ at }) => at.toISOString()), standings.map(({ id }) => id)],
  );
  return new Map(rows.map(({ exchange_id, attempt, lines }) => [`${exchange_id} ${attempt}`, lines]));
}

async function insertTrueUps(client: pg.ClientBase, known: readonly Known[]): Promise<void> {
  const rows = known.map(({ candidate, standing, attempt, beforeAtto }) => ({
    ref: candidate.ref,
    exchange_id: standing.id,
    attempt: attempt.attempt,
    at: standing.at.toISOString(),
    provider: attempt.provider,
    origin: candidate.trueUp.origin,
    before_atto: beforeAtto.toString(),
    figure_atto: candidate.trueUp.figureAtto.toString(),
    currency: candidate.trueUp.currency,
  }));
  const columns = 'ref, exchange_id, attempt, at, provider, origin, before_atto, figure_atto, currency';
  await client.query(
    `insert into true_up (${columns}) select ${columns} from json_populate_recordset(null::true_up, $1::json)`,
    [JSON.stringify(rows)],
  );
}

function digestOf({ exchange, attempt, figureAtto, currency, origin }: TrueUp): string {
  const facts = [exchange, attempt, formatAtto(figureAtto), currency, origin];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
