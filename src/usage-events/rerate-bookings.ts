import type pg from 'pg';
import { cogs, providerAccrued, revenue, unbilled, wallet as walletAccount } from '../ledger/accounts.ts';
import type { TransferOrder } from '../ledger/book.ts';
import type { Payment } from '../ledger/exchange-payer.ts';
import type { UsageCharge, UsagePayer } from '../ledger/usage-payer.ts';
import { meterRow } from '../pricing/meters.ts';
import { bookNew } from './book-ratings.ts';
import type { UsageDirectory } from './directory.ts';
import type { NewSide, RatedAgain } from './rate-again.ts';
import type { RatedSide } from './rate-event.ts';
import { readPaid } from './read-paid.ts';

/** What of a rating changes, beside what stands. */
interface Change extends RatedAgain {
  readonly legs: Legs;
}

interface Paying {
  readonly directory: UsageDirectory;
  readonly payer: UsagePayer | undefined;
}

/** Books ratings that take the place of others and were just written, in their transaction: the transfers in effect of what
 *  changes are reversed, and new ones follow. The same who paid pay again, up to what they had paid; what is more is paid as
 *  for a new event, and what is less goes back to those who paid, what was used last first. */
export async function bookRerated(
  client: pg.ClientBase,
  rerated: readonly RatedAgain[],
  paying: Paying,
): Promise<void> {
  const legs = await readLegs(client, rerated);
  const changes = rerated.map((one): Change => ({ ...one, legs: legs.get(one.standing.ref)! })); // one of each
  await paying.payer?.lock(client, [...new Set(changes.map(({ standing }) => standing.event.organisation))]);
  const [cheaper, dearer] = [changes.filter(isCheaper), changes.filter(change => !isCheaper(change))];
  // First, so that it can pay for what costs more.
  const back = new BackParts();
  await giveBack(client, cheaper, back, paying);
  const more = await payMore(client, changes, paying);
  await bookNew(
    client,
    dearer.flatMap(change => ordersOf(change, more.get(change) ?? [])),
  );
  // What had not been paid so far is paid by now, or by nobody.
  await giveBack(client, cheaper, back, { ...paying, toTheEnd: true });
  await bookNew(
    client,
    cheaper.flatMap(change => ordersOf(change, [...(more.get(change) ?? []), ...back.of(change)])),
  );
}

/** Signed parts of what a customer pays, in one currency. */
interface Part {
  readonly account: string;
  readonly currency: string;
  readonly amountAtto: bigint;
}

interface Legs {
  /** By who pays: above zero what was paid, below what was given. */
  readonly sale: readonly Part[];
  /** What is owed for it. */
  readonly cost: readonly Part[];
}

/** What the transfers of these events come to so far, by who pays. Throws when that is not what their ratings say. */
async function readLegs(client: pg.ClientBase, rerated: readonly RatedAgain[]): Promise<ReadonlyMap<string, Legs>> {
  const { rows } = await client.query(
    `select e.ref, p.is_sale, p.account, t.currency, sum(p.sign * t.amount_atto) as atto
       from unnest($1::text[], $2::timestamptz[]) as e (ref, at)
       -- One look into the index for each: of one instant there may be thousands, and a join by it would pair them all.
      cross join lateral (
            select * from transfer
             where at = e.at and exchange_id > (e.ref || ':') collate "C" and exchange_id < (e.ref || ';') collate "C"
            offset 0) as t
       join account d on d.id = t.debit
       join account c on c.id = t.credit
      cross join lateral (
            select true as is_sale, d.name as account, 1 as sign where starts_with(c.name, 'revenue:')
            union all select true, c.name, -1 where starts_with(d.name, 'revenue:')
            union all select false, '', 1 where starts_with(c.name, 'provider_accrued:')
            union all select false, '', -1 where starts_with(d.name, 'provider_accrued:')) as p
      group by 1, 2, 3, 4
     having sum(p.sign * t.amount_atto) <> 0
      order by 1, 2, 3, 4`,
    [
      rerated.map(({ standing }) => standing.ref),
      rerated.map(({ standing }) => new Date(standing.event.atMs).toISOString()),
    ],
  );
  const byRef = Map.groupBy(rows, ({ ref }) => ref as string);
  return new Map(
    rerated.map(({ standing: { ref, sell, buy } }) => {
      const of = (isSale: boolean): Part[] =>
        (byRef.get(ref) ?? [])
          .filter(({ is_sale }) => is_sale === isSale)
          .map(({ account, currency, atto }) => ({ account, currency, amountAtto: atto }));
      const legs: Legs = { sale: of(true), cost: of(false) };
      needSum(ref, legs.sale, sell);
      needSum(ref, legs.cost, buy);
      return [ref, legs] as const;
    }),
  );
}

function needSum(ref: string, parts: readonly Part[], { amountAtto, currency }: RatedSide): void {
  const sum = parts.reduce((total, part) => total + part.amountAtto, 0n);
  if (sum === amountAtto && parts.every(part => part.currency === currency)) return;
  throw new Error(`${ref} is rated at ${amountAtto} ${currency}, and its transfers come to ${sum}`);
}

/** What the customer is to pay more; below zero: less. Of a change of currency all of the new amount, and apart from it all
 *  of the old one. */
function moreOf({ standing, sell }: RatedAgain): bigint {
  if (sell === undefined) return 0n;
  return sell.currency === standing.sell.currency ? sell.amountAtto - standing.sell.amountAtto : sell.amountAtto;
}

function lessOf(change: RatedAgain): bigint {
  const { standing, sell } = change;
  if (sell === undefined) return 0n;
  if (sell.currency !== standing.sell.currency) return standing.sell.amountAtto;
  const more = moreOf(change);
  return more < 0n ? -more : 0n;
}

function isCheaper(change: RatedAgain): boolean {
  return lessOf(change) > 0n;
}

async function payMore(
  client: pg.ClientBase,
  changes: readonly Change[],
  { directory, payer }: Paying,
): Promise<ReadonlyMap<Change, readonly Part[]>> {
  const dearer = changes.filter(change => moreOf(change) > 0n);
  const charges = dearer.map((change): UsageCharge => {
    const { ref, event } = change.standing;
    const { currency } = change.sell!; // it costs more
    const { organisation } = event;
    return {
      id: ref,
      atMs: event.atMs,
      organisation,
      product: event.placedProduct,
      provider: event.placedProvider,
      meter: event.meter,
      amountAtto: moreOf(change),
      currency,
      owesRest: directory.owesOnLine({ organisation, currency }),
    };
  });
  const payments = await payer?.pay(client, charges);
  return new Map(
    dearer.map((change, index) => {
      const { organisation, amountAtto, currency } = charges[index]!;
      const owed: Payment = { kind: 'sell', debit: unbilled(organisation), amountAtto };
      return [change, (payments?.[index] ?? [owed]).map(payment => partOf(payment, currency, 1n))] as const;
    }),
  );
}

function partOf({ debit, amountAtto }: Payment, currency: string, sign: 1n | -1n): Part {
  return { account: debit.name, currency, amountAtto: sign * amountAtto };
}

/** What goes back, by the events that it is booked for. */
class BackParts {
  readonly #parts = new Map<Change, Part[]>();

  of(change: Change): readonly Part[] {
    return this.#parts.get(change) ?? [];
  }

  givenTo(changes: readonly Change[]): readonly Part[] {
    return changes.flatMap(change => this.of(change));
  }

  dueOf(change: Change): bigint {
    return this.of(change).reduce((left, { amountAtto }) => left + amountAtto, lessOf(change));
  }

  /** Deals it out to those that are due, in their order. */
  deal(changes: readonly Change[], given: readonly Payment[], currency: string): void {
    const waiting = given.map(payment => ({ payment, leftAtto: payment.amountAtto }));
    for (const change of changes) {
      const own = this.#parts.get(change) ?? [];
      let due = this.dueOf(change);
      for (let next = waiting[0]; next !== undefined && due > 0n; next = waiting[0]) {
        const amountAtto = smaller(next.leftAtto, due);
        own.push(partOf({ ...next.payment, amountAtto }, currency, -1n));
        due -= amountAtto;
        next.leftAtto -= amountAtto;
        if (next.leftAtto === 0n) waiting.shift();
      }
      this.#parts.set(change, own);
    }
  }
}

/** Of each wallet together: what is given to one event may have been paid for another. */
async function giveBack(
  client: pg.ClientBase,
  cheaper: readonly Change[],
  back: BackParts,
  { directory, payer, toTheEnd = false }: Paying & { readonly toTheEnd?: boolean },
): Promise<void> {
  const due = cheaper.filter(change => back.dueOf(change) > 0n);
  const wallets = Map.groupBy(due, ({ standing: { event, sell } }) => `${event.organisation}\n${sell.currency}`);
  for (const changes of wallets.values()) {
    const { event, sell } = changes[0]!.standing;
    const [organisation, currency] = [event.organisation, sell.currency];
    const dueAtto = changes.reduce((sum, change) => sum + back.dueOf(change), 0n);
    const paid = await paidFor(client, organisation, changes, { dueAtto, given: back.givenTo(changes) });
    const amountAtto = smaller(paid.sumAtto, dueAtto);
    const owesRest = directory.owesOnLine({ organisation, currency });
    const credit = { organisation, currency, amountAtto, paid: paid.grants, owedAtto: paid.owedAtto, owesRest };
    const given: Payment[] =
      payer === undefined || amountAtto === 0n ? [] : [...(await payer.giveBack(client, credit))];
    const restAtto = dueAtto - given.reduce((sum, payment) => sum + payment.amountAtto, 0n);
    // More than was ever paid by anybody for it is a credit on the account.
    if (toTheEnd && restAtto > 0n) given.push({ kind: 'sell', debit: unbilled(organisation), amountAtto: restAtto });
    back.deal(changes, given, currency);
  }
}

interface Paid {
  readonly grants: readonly { readonly grant: string; readonly amountAtto: bigint }[];
  readonly owedAtto: bigint;
  readonly sumAtto: bigint;
}

/** By these events themselves; where that is not enough, by everything in the months that they were or are in, and in these
 *  months by other prices. Without what was given back of it already. */
async function paidFor(
  client: pg.ClientBase,
  organisation: string,
  changes: readonly Change[],
  { dueAtto, given }: { readonly dueAtto: bigint; readonly given: readonly Part[] },
): Promise<Paid> {
  const own = [...changes.flatMap(({ legs }) => legs.sale), ...given];
  const ofThem = summed(organisation, own);
  const months = changes.flatMap(({ standing, sell }) => [standing.sell.month?.id ?? [], sell?.sum?.id ?? []].flat());
  if (ofThem.sumAtto >= dueAtto) return ofThem;
  const refs = changes.map(({ standing }) => standing.ref);
  const { paid, owedAtto } = await readPaid(client, organisation, { months, refs });
  const all = paid.map(({ grant, amountAtto }) => ({ account: walletAccount(organisation, grant).name, amountAtto }));
  return summed(organisation, [...all, { account: unbilled(organisation).name, amountAtto: owedAtto }, ...given]);
}

function summed(organisation: string, parts: readonly Pick<Part, 'account' | 'amountAtto'>[]): Paid {
  const sums = new Map<string, bigint>();
  for (const { account, amountAtto } of parts) sums.set(account, (sums.get(account) ?? 0n) + amountAtto);
  const paid = [...sums].filter(([, atto]) => atto > 0n);
  const owedName = unbilled(organisation).name;
  return {
    grants: paid
      .filter(([name]) => name !== owedName)
      .map(([name, amountAtto]) => ({ grant: grantOf(organisation, name), amountAtto })),
    owedAtto: paid.find(([name]) => name === owedName)?.[1] ?? 0n,
    sumAtto: paid.reduce((sum, [, atto]) => sum + atto, 0n),
  };
}

const walletPrefix = 'wallet:';

function grantOf(organisation: string, accountName: string): string {
  return accountName.slice(`${walletPrefix}${organisation}:`.length);
}

/** What stands of what changes is reversed whole, and what it comes to with the added parts is booked anew. */
function ordersOf({ standing, sell, buy, legs }: Change, added: readonly Part[]): TransferOrder[] {
  const { ref, number, event } = standing;
  const facts = { atMs: event.atMs, reference: ref };
  const name = `${ref}:${number + 1}`;
  const income = revenue(meterRow(event.meter).revenue);
  const sale = (id: string, kind: SaleKinds, { account, currency, amountAtto }: Part): TransferOrder => {
    const payer = accountOf(event.organisation, account);
    const order = { ...facts, id: `${name}:${id}${idOf(event.organisation, account)}`, currency };
    return amountAtto > 0n
      ? { ...order, kind: kind.paid(payer.kind), amountAtto, debit: payer, credit: income }
      : { ...order, kind: kind.given(payer.kind), amountAtto: -amountAtto, debit: income, credit: payer };
  };
  const orders: TransferOrder[] = [];
  if (sell !== undefined) {
    const now = merged([...legs.sale, ...added]);
    for (const part of legs.sale) orders.push(sale('reverse:', reversing, negated(part)));
    for (const part of now) orders.push(sale('', charging, part));
  }
  if (buy !== undefined) {
    const [cost, accrued] = [cogs(event.placedProvider), providerAccrued(event.placedProvider)];
    const costs = (
      id: string,
      [up, down]: readonly [string, string],
      { currency, amountAtto }: Part,
    ): TransferOrder => {
      const order = { ...facts, id: `${name}:${id}`, currency };
      return amountAtto > 0n
        ? { ...order, kind: up, amountAtto, debit: cost, credit: accrued }
        : { ...order, kind: down, amountAtto: -amountAtto, debit: accrued, credit: cost };
    };
    for (const part of legs.cost) {
      orders.push(costs('reverse:cost', ['usage-reverse', 'usage-reverse'], negated(part)));
    }
    if (buy.amountAtto !== 0n) orders.push(costs('cost', ['usage-cost', 'usage-rebate'], costOf(buy)));
  }
  return orders;
}

interface SaleKinds {
  paid(payer: string): string;
  given(payer: string): string;
}
const charging: SaleKinds = {
  paid: payer => (payer === 'asset' ? 'usage-sell' : 'usage-burn'),
  given: payer => (payer === 'asset' ? 'usage-credit' : 'usage-back'),
};
const reversing: SaleKinds = { paid: () => 'usage-reverse', given: () => 'usage-reverse' };

function costOf({ currency, amountAtto }: NewSide): Part {
  return { account: '', currency, amountAtto };
}

function accountOf(organisation: string, name: string) {
  return name.startsWith(walletPrefix)
    ? walletAccount(organisation, grantOf(organisation, name))
    : unbilled(organisation);
}

function idOf(organisation: string, name: string): string {
  return name.startsWith(walletPrefix) ? `burn:${grantOf(organisation, name)}` : 'sell';
}

function negated(part: Part): Part {
  return { ...part, amountAtto: -part.amountAtto };
}

function merged(parts: readonly Part[]): Part[] {
  const byPlace = new Map<string, Part>();
  for (const part of parts) {
    const key = `${part.account}\n${part.currency}`;
    byPlace.set(key, { ...part, amountAtto: part.amountAtto + (byPlace.get(key)?.amountAtto ?? 0n) });
  }
  return [...byPlace.values()].filter(({ amountAtto }) => amountAtto !== 0n);
}

function smaller(one: bigint, other: bigint): bigint {
  return one <= other ? one : other;
}
