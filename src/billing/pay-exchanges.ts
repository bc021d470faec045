import type pg from 'pg';
import { type CompletedExchange, chargedLeases, leaseCharge } from '../journal/assemble.ts';
import { chargedAtto } from '../journal/charged.ts';
import { unbilled, wallet as walletAccount } from '../ledger/accounts.ts';
import type { ExchangePayer, ExchangePayments, Payment } from '../ledger/exchange-payer.ts';
import { parsePoolId } from '../snapshot/wallets.ts';
import { type Burn, burn, chargedParts } from './burn.ts';
import { type BurnState, type GrantLeft, type LeaseLeft, readBurnState, writeBurnState } from './burn-state.ts';
import { compareBurnPlaces, paysFor, paysForMeter } from './grant.ts';

/** Pays exchanges from wallets, in the transaction that books them.
 *
 *  - What was held is paid from the grants its lease was made of, so it is never short and takes nothing that others hold.
 *  - What was not held (a postpaid organisation, or one that was when it asked) is paid by whatever nobody holds.
 *  - Grants for some meters only are never held, and pay for their meters in either case.
 *  - A grant pays for what was admitted while it was in force, however late that is shipped.
 *  - Order: exchanges by their instants, grants by compareBurnPlaces. What nobody pays is unbilled. */
export class WalletPayer implements ExchangePayer {
  async organisationsWithMoney(client: pg.ClientBase, organisations: readonly string[]): Promise<ReadonlySet<string>> {
    if (organisations.length === 0) return new Set();
    const { rows } = await client.query('select distinct organisation from wallet where organisation = any($1)', [
      organisations,
    ]);
    return new Set(rows.map(({ organisation }) => organisation));
  }

  async pay(client: pg.ClientBase, exchanges: readonly CompletedExchange[]): Promise<ExchangePayments> {
    const due = exchanges.map(dueOf).filter(each => each !== undefined);
    if (due.length === 0) return { byExchange: new Map(), alerts: [] };
    due.sort((one, other) => one.atMs - other.atMs || (one.id < other.id ? -1 : 1));
    const state = await readBurnState(client, due);
    const byExchange = new Map<string, readonly Payment[]>();
    const alerts: ExchangePayments['alerts'][number][] = [];
    for (const each of due) {
      if (each.quarantinedAtto > 0n) {
        keepHeld(state, each);
        continue;
      }
      const { payments, shortAtto } = payFrom(state, each);
      byExchange.set(each.id, payments);
      if (shortAtto === 0n) continue;
      alerts.push({
        id: `wallet_short:${each.id}`,
        code: 'wallet_short',
        message: `The wallet of ${each.organisation} had less than the hold of exchange ${each.id}; the rest is unbilled.`,
        exchangeId: each.id,
      });
    }
    await writeBurnState(client, state);
    return { byExchange, alerts };
  }
}

/** What a wallet is asked to pay. */
export interface DueExchange {
  readonly id: string;
  readonly atMs: number;
  readonly organisation: string;
  readonly currency: string;
  readonly model: string;
  readonly provider: string;
  readonly parts: ReturnType<typeof chargedParts>;
  readonly amountAtto: bigint;
  /** What has it set aside: the lease of the wallet that it is charged to, or what was kept in quarantine. */
  readonly lease: string | undefined;
  /** Its hold, when nobody knows yet what it costs; 0 otherwise. */
  readonly quarantinedAtto: bigint;
  /** Nothing was set aside, and what no grant pays is owed on the line all the same. */
  readonly owesRest?: boolean;
}

function dueOf(exchange: CompletedExchange): DueExchange | undefined {
  const { admit, end } = exchange;
  const lease = chargedLeases(exchange).find(({ budget }) => parsePoolId(budget) !== undefined)?.lease;
  const last = end.attempts.at(-1);
  const facts = {
    id: admit.id,
    atMs: admit.atMs,
    organisation: admit.organisation,
    model: last?.model ?? '',
    provider: last?.provider ?? '',
    lease,
  };
  if (end.state === 'quarantined') {
    if (lease === undefined) return undefined;
    const quarantinedAtto = leaseCharge(exchange);
    return { ...facts, currency: admit.hold.currency, parts: [], amountAtto: 0n, quarantinedAtto };
  }
  if (end.sell === undefined) return undefined;
  const amountAtto = chargedAtto(end.sell);
  if (amountAtto === 0n) return undefined;
  const parts = chargedParts(end.sell.lines, BigInt(end.sell.overHoldAtto));
  return { ...facts, currency: end.sell.currency, parts, amountAtto, quarantinedAtto: 0n };
}

/** One thing that can pay for one exchange: a grant, as far as its lease or nobody holds it. */
interface Source {
  leftAtto: bigint;
  readonly grant: GrantLeft;
  readonly fromLease: boolean;
  paysForMeter(meter: string): boolean;
}

/** Takes what is due out of the wallet's state. `shortAtto`: held, and not there. */
export function payFrom(state: BurnState, due: DueExchange): { payments: Payment[]; shortAtto: bigint } {
  const lease = due.lease === undefined ? undefined : state.lease(due.lease);
  const sources = sourcesFor(state, due, lease);
  const { burns, restAtto } = burn(due.parts, sources);
  let fromOthersAtto = 0n;
  for (const { source, amountAtto } of burns) {
    state.use(source.grant, amountAtto, !source.fromLease);
    if (source.fromLease) lease!.take(source.grant.number, amountAtto);
    else fromOthersAtto += amountAtto;
  }
  // What others paid, the lease had set aside for nothing: it is spent all the same, so that is free again.
  if (lease !== undefined) lease.release(fromOthersAtto);
  const unheldAtto = due.owesRest === true ? restAtto : 0n;
  const lineAtto = lease === undefined ? unheldAtto : lease.takeLine(restAtto);
  state.owe(due, lineAtto);
  return {
    payments: [...paymentsOf(due, burns), ...unpaid(due, restAtto)],
    shortAtto: due.lease === undefined ? 0n : restAtto - lineAtto,
  };
}

function sourcesFor(state: BurnState, due: DueExchange, lease: LeaseLeft | undefined): Source[] {
  const sources: Source[] = [];
  for (const grant of state.grantsOf(due)) {
    const inForce =
      grant.effectiveAtMs <= due.atMs && (grant.expiresAtMs === undefined || due.atMs < grant.expiresAtMs);
    const heldAtto = lease?.heldOf(grant.number) ?? 0n;
    if (heldAtto > 0n) sources.push({ leftAtto: heldAtto, grant, fromLease: true, paysForMeter: () => true });
    else if (inForce && paysFor(grant.scope, due) && (lease === undefined || !grant.holdable)) {
      const ofMeter = (meter: string) => paysForMeter(grant.scope, meter);
      sources.push({ leftAtto: grant.freeAtto, grant, fromLease: false, paysForMeter: ofMeter });
    }
  }
  return sources.sort((one, other) => compareBurnPlaces(one.grant, other.grant));
}

function keepHeld(state: BurnState, due: DueExchange): void {
  const lease = due.lease === undefined ? undefined : state.lease(due.lease);
  lease?.moveTo(`exchange:${due.id}`, due.quarantinedAtto);
}

function paymentsOf({ organisation }: DueExchange, burns: readonly Burn<Source>[]): Payment[] {
  return burns.map(({ source, amountAtto }) => ({
    kind: `burn:${source.grant.id}`,
    debit: walletAccount(organisation, source.grant.id),
    amountAtto,
  }));
}

function unpaid({ organisation }: DueExchange, restAtto: bigint): Payment[] {
  return restAtto === 0n ? [] : [{ kind: 'sell', debit: unbilled(organisation), amountAtto: restAtto }];
}
