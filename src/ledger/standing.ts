import type pg from 'pg';
import type { Reading } from '../completion/usage.ts';
import { leasesFor } from '../journal/assemble.ts';
import type { HeldLease } from '../journal/record.ts';
import type { ExchangeFilter } from './queries.ts';
import { tagParts } from './usage-tags.ts';

/** An exchange as it stands now: as it was booked, with every correction since. Corrections begin from it. */
export interface Standing {
  readonly id: string;
  readonly at: Date;
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly requestedModel: string;
  readonly sandbox: boolean;
  readonly state: 'settled' | 'estimated' | 'void' | 'quarantined';
  readonly holdAtto: bigint;
  readonly holdCurrency: string;
  /** Leases of hard budgets that the hold was taken from; empty when there was no hard budget. */
  readonly leases: readonly string[];
  readonly deliveredAttempt: number | undefined;
  /** Meters of the series of its tags. */
  readonly tagParts: readonly string[];
  readonly attempts: readonly StandingAttempt[];
  /** What is charged, with what the operator bears of it. */
  readonly sell: StandingCharge | undefined;
  /** Transfers that no correction reversed. */
  readonly legs: readonly StandingLeg[];
  /** How many corrections there were. */
  readonly corrections: number;
}

export interface StandingAttempt {
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly deployment: string;
  readonly provider: string;
  readonly model: string;
  readonly reading: Reading;
  readonly buy: StandingCharge | undefined;
}

export interface StandingCharge {
  /** The rated amount. */
  readonly amountAtto: bigint;
  readonly overHoldAtto: bigint;
  /** Of a buy: what the provider billed beside it. */
  readonly varianceAtto: bigint;
  readonly currency: string;
  readonly version: string;
}

export interface StandingLeg {
  readonly attempt: number;
  readonly kind: string;
  readonly debit: number;
  readonly credit: number;
  readonly debitName: string;
  readonly creditName: string;
  readonly amountAtto: bigint;
  readonly currency: string;
}

/** What the customer pays and has not been told to: the charge without what is over the hold. */
export function chargedOf(charge: StandingCharge | undefined): bigint {
  return charge === undefined ? 0n : charge.amountAtto - charge.overHoldAtto;
}

/** What an exchange takes from each of its leases: a quarantined one its whole hold. As journal/assemble.ts leaseCharge. */
export function takenAtto({ state, holdAtto, sell }: Pick<Standing, 'state' | 'holdAtto' | 'sell'>): bigint {
  return state === 'quarantined' ? holdAtto : chargedOf(sell);
}

export interface StandingFilter extends Pick<ExchangeFilter, 'organisation' | 'project'> {
  readonly from: Date;
  readonly to: Date;
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  /** Only those that stand so. */
  readonly quarantined?: boolean | undefined;
}

/** A place between two exchanges in their order by time. */
export interface StandingCursor {
  readonly at: Date;
  readonly id: string;
}

/** The next exchanges after a place, oldest first, at most `limit`. Transfers are half of what there is to read; those of
 *  which `wantsLegs` says no come without. */
export async function nextStandings(
  client: pg.ClientBase,
  filter: StandingFilter,
  after: StandingCursor | undefined,
  limit: number,
  wantsLegs: (standing: Standing) => boolean = () => true,
): Promise<Standing[]> {
  const { rows } = await client.query(
    `${exchangeSql}
      where e.at >= $1 and e.at < $2
        -- Comparing rows leaves no partition out; the instant alone does.
        and ($3::timestamptz is null or (e.at >= $3 and (e.at, e.id) > ($3, $4)))
        and ($5::text is null or e.organisation = $5)
        and ($6::text is null or e.project = $6)
        and (($7::text is null and $8::text is null)
             or exists (select from attempt a where a.at = e.at and a.exchange_id = e.id
                           and ($7::text is null or a.model = $7) and ($8::text is null or a.provider = $8)))
        ${filter.quarantined === true ? quarantinedSql : ''}
      order by e.at, e.id
      limit $9`,
    [
      filter.from,
      filter.to,
      after?.at ?? null,
      after?.id ?? null,
      filter.organisation ?? null,
      filter.project ?? null,
      filter.model ?? null,
      filter.provider ?? null,
      limit,
    ],
  );
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return [];
  // Everything of an exchange is found by its instant and id, so neighbours are read as one range.
  const values = [first.at, first.id, last.at, last.id];
  return complete(client, rows, neighbours, values, wantsLegs);
}

const neighbours = 'at between $1 and $3 and (at, exchange_id) between ($1, $2) and ($3, $4)';

/** Were any of these corrected since they were read? They are neighbours, as nextStandings gives them. */
export async function areStale(client: pg.ClientBase, standings: readonly Standing[]): Promise<boolean> {
  const [first] = standings;
  const last = standings.at(-1);
  if (first === undefined || last === undefined) return false;
  const { rows } = await client.query(
    `select exchange_id, max(number) as number from correction
      where ${neighbours} group by exchange_id`,
    [first.at, first.id, last.at, last.id],
  );
  const numbers = new Map<string, number>(rows.map(({ exchange_id, number }) => [exchange_id, number]));
  return standings.some(({ id, corrections }) => (numbers.get(id) ?? 0) !== corrections);
}

/** Exchanges by id; those that are not kept (any more) are left out. */
export async function findStandings(client: pg.ClientBase, ids: readonly string[]): Promise<Standing[]> {
  if (ids.length === 0) return [];
  const keys = await client.query('select at, id from exchange_key where id = any($1) order by at, id', [ids]);
  const values = [keys.rows.map(({ at }) => at.toISOString()), keys.rows.map(({ id }) => id)];
  const { rows } = await client.query(
    `${exchangeSql} where (e.at, e.id) in (select * from unnest($1::timestamptz[], $2::text[])) order by e.at, e.id`,
    values,
  );
  return complete(client, rows, '(at, exchange_id) in (select * from unnest($1::timestamptz[], $2::text[]))', values);
}

const exchangeSql = `
select e.at, e.id, e.organisation, e.project, e.key, e.requested_model, e.sandbox, e.state, e.hold_atto, e.hold_currency, e.hold_leases,
       e.tags, e.usage_tags, e.delivered_attempt, e.reading, e.sell_atto, e.over_hold_atto, e.sell_currency, e.sell_version
  from exchange e`;

const quarantinedSql = `
        and e.state = 'quarantined'
        and coalesce((select c.state from correction c where c.exchange_id = e.id order by number desc limit 1),
                     'quarantined') = 'quarantined'`;

interface ExchangeRow {
  readonly at: Date;
  readonly id: string;
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly requested_model: string;
  readonly sandbox: boolean;
  readonly state: Standing['state'];
  readonly hold_atto: bigint;
  readonly hold_currency: string;
  readonly hold_leases: readonly HeldLease[] | null;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly usage_tags: readonly string[] | null;
  readonly delivered_attempt: number | null;
  readonly reading: Reading | null;
  readonly sell_atto: bigint | null;
  readonly over_hold_atto: bigint | null;
  readonly sell_currency: string | null;
  readonly sell_version: string | null;
}

async function complete(
  client: pg.ClientBase,
  exchanges: readonly ExchangeRow[],
  within: string,
  values: readonly unknown[],
  wantsLegs: (standing: Standing) => boolean = () => true,
): Promise<Standing[]> {
  const select = async (sql: string) => new RowsByExchange((await client.query(sql, [...values])).rows);
  const attempts = await select(
    `select exchange_id, attempt, started_at, deployment, provider, model, reading, buy_atto, buy_currency, buy_version
       from attempt where ${within} order by at, exchange_id, attempt`,
  );
  const corrections = await select(
    `select exchange_id, number, state from correction where ${within} order by at, exchange_id, number`,
  );
  const corrected = await select(
    `select exchange_id, book, attempt, amount_atto, over_hold_atto, variance_atto, currency, version, reading
       from corrected_charge where ${within} order by at, exchange_id, number`,
  );
  const legsOf = new Map<string, StandingLeg[]>();
  const standings = exchanges.map(exchange => {
    const { id } = exchange;
    const legs: StandingLeg[] = [];
    const rows = { attempts: attempts.of(id), corrections: corrections.of(id), corrected: corrected.of(id), legs };
    const standing = standingOf(exchange, rows);
    if (wantsLegs(standing)) legsOf.set(id, legs);
    return standing;
  });
  if (legsOf.size === 0) return standings;
  const { rows: transfers } = await client.query(
    `select exchange_id, attempt, kind, debit, credit, amount_atto, currency from transfer where ${within} order by at, exchange_id`,
    [...values],
  );
  const names = await readNames(client, transfers);
  const transfersOf = new RowsByExchange(transfers);
  for (const [id, legs] of legsOf) addLegsInEffect(legs, transfersOf.of(id), names);
  return standings;
}

/** Rows by exchange. Those of one stand together, so that where they begin is enough. */
class RowsByExchange {
  readonly #rows: readonly Row[];
  readonly #begins = new Map<string, number>();

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
    let last = '';
    for (let at = 0; at < rows.length; at += 1) {
      const id = rows[at].exchange_id;
      if (id !== last) this.#begins.set(id, at);
      last = id;
    }
  }

  of(id: string): readonly Row[] {
    const begin = this.#begins.get(id);
    if (begin === undefined) return none;
    let end = begin + 1;
    while (end < this.#rows.length && this.#rows[end].exchange_id === id) end += 1;
    return this.#rows.slice(begin, end);
  }
}
const none: readonly Row[] = [];

/** Names of the accounts that legs are on: few, and asked for once a batch instead of with every leg. */
async function readNames(
  client: pg.ClientBase,
  legs: Iterable<{ readonly debit: number; readonly credit: number }>,
): Promise<ReadonlyMap<number, string>> {
  const ids = new Set<number>();
  for (const { debit, credit } of legs) ids.add(debit).add(credit);
  const { rows } = await client.query('select id, name from account where id = any($1)', [[...ids]]);
  return new Map(rows.map(({ id, name }) => [id, name]));
}

// biome-ignore lint/suspicious/noExplicitAny: rows of pg, whose columns are those of the statements above
type Row = any;

function standingOf(
  exchange: ExchangeRow,
  {
    legs,
    ...rows
  }: Readonly<Record<'attempts' | 'corrections' | 'corrected', readonly Row[]>> & {
    readonly legs: readonly StandingLeg[];
  },
): Standing {
  // In the order of corrections: the last one of each book and attempt counts.
  const newestSell = rows.corrected.findLast(({ book }) => book === 'sell');
  const delivered = exchange.delivered_attempt ?? undefined;
  const attempts = rows.attempts.map((row): StandingAttempt => {
    const buy = rows.corrected.findLast(({ book, attempt }) => book === 'buy' && attempt === row.attempt);
    const newest = rows.corrected.findLast(({ attempt, reading }) => attempt === row.attempt && reading !== null);
    const first = row.attempt === delivered && exchange.reading !== null ? exchange.reading : (row.reading as Reading);
    return {
      attempt: row.attempt,
      startedAtMs: row.started_at.getTime(),
      deployment: row.deployment,
      provider: row.provider,
      model: row.model,
      reading: newest?.reading ?? first,
      buy:
        buy !== undefined
          ? chargeOf(buy)
          : row.buy_atto === null
            ? undefined
            : {
                amountAtto: row.buy_atto,
                overHoldAtto: 0n,
                varianceAtto: 0n,
                currency: row.buy_currency,
                version: row.buy_version,
              },
    };
  });
  return {
    id: exchange.id,
    at: exchange.at,
    organisation: exchange.organisation,
    project: exchange.project,
    key: exchange.key,
    requestedModel: exchange.requested_model,
    sandbox: exchange.sandbox,
    state: rows.corrections.at(-1)?.state ?? exchange.state,
    holdAtto: exchange.hold_atto,
    holdCurrency: exchange.hold_currency,
    leases:
      exchange.hold_leases === null
        ? noLeases
        : leasesFor(exchange.hold_leases, attempts.at(-1)?.deployment).map(({ lease }) => lease),
    deliveredAttempt: delivered,
    tagParts: tagParts({ tags: exchange.tags ?? undefined, usageTags: exchange.usage_tags ?? undefined }),
    attempts,
    sell: newestSell === undefined ? sellOf(exchange) : chargeOf(newestSell),
    legs,
    corrections: rows.corrections.length,
  };
}

const noLeases: readonly string[] = [];

function sellOf(exchange: ExchangeRow): StandingCharge | undefined {
  const { sell_atto, over_hold_atto, sell_currency, sell_version } = exchange;
  if (sell_atto === null || sell_currency === null || sell_version === null) return undefined;
  const overHoldAtto = over_hold_atto ?? 0n;
  return {
    amountAtto: sell_atto + overHoldAtto,
    overHoldAtto,
    varianceAtto: 0n,
    currency: sell_currency,
    version: sell_version,
  };
}

function chargeOf(row: Row): StandingCharge {
  return {
    amountAtto: row.amount_atto,
    overHoldAtto: row.over_hold_atto,
    varianceAtto: row.variance_atto,
    currency: row.currency,
    version: row.version,
  };
}

/** The kind of the transfer by which correction `number` takes another back. */
export function reverseKind(number: number, kind: string): string {
  return `reverse@${number}:${kind}`;
}

/** The kind of what correction `number` books in its place: `sell@2`; of several the later ones `sell@2:1` … */
export function correctedKind(number: number, kind: string, index: number): string {
  return index === 0 ? `${kind}@${number}` : `${kind}@${number}:${index}`;
}

/** Is it about what an attempt costs at the provider? Everything else is about what the customer pays. */
export function isCostKind(kind: string): boolean {
  return kind.startsWith('cost');
}

/** Transfers that no other takes back. */
function addLegsInEffect(legs: StandingLeg[], rows: readonly Row[], names: ReadonlyMap<number, string>): void {
  let reversed: Set<string> | undefined;
  for (const { attempt, kind } of rows) {
    if (!kind.startsWith('reverse@')) continue;
    reversed ??= new Set();
    reversed.add(`${attempt} ${kind.slice(kind.indexOf(':') + 1)}`);
  }
  for (const row of rows) {
    const { attempt, kind, debit, credit, amount_atto: amountAtto, currency } = row;
    if (reversed !== undefined && (kind.startsWith('reverse@') || reversed.has(`${attempt} ${kind}`))) continue;
    const debitName = names.get(debit)!;
    const creditName = names.get(credit)!;
    legs.push({ attempt, kind, debit, credit, debitName, creditName, amountAtto, currency });
  }
}
