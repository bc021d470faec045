import type { GrantOrder } from '../../src/billing/grant.ts';
import { makeGrants } from '../../src/billing/grants.ts';
import { WalletPayer } from '../../src/billing/pay-exchanges.ts';
import { WalletLeases } from '../../src/billing/wallet-leases.ts';
import { type CompletedExchange, ExchangeAssembler } from '../../src/journal/assemble.ts';
import { LedgerLeases } from '../../src/ledger/leases.ts';
import { LedgerShipping } from '../../src/ledger/shipping.ts';
import { poolId } from '../../src/snapshot/wallets.ts';
import type { Store } from '../../src/store/connect.ts';
import { type ExchangeSketch, exchangeId, recordsOf } from './exchanges.ts';

/** 20 November 2026, 09:30 UTC. */
export const startMs = Date.UTC(2026, 10, 20, 9, 30);
export const unit = 10n ** 15n;

/** An exchange that costs so many units of 0.001 USD: 100 output tokens each. */
export function sketchOf(number: number, units: number, more: Partial<ExchangeSketch> = {}): ExchangeSketch {
  const sketch = { id: exchangeId(number), atMs: startMs, inputTokens: 0, outputTokens: units * 100, ...more };
  return sketch.leases === undefined ? sketch : { holdAtto: (BigInt(units) * unit).toString(), ...sketch };
}

export function completed(sketch: ExchangeSketch, change: (exchange: CompletedExchange) => CompletedExchange = e => e) {
  const assembler = new ExchangeAssembler();
  for (const record of recordsOf(sketch)) {
    const done = assembler.accept(record, { sequence: 1, offset: 0 });
    if (done !== undefined && done !== 'conflict') return change(done);
  }
  throw new Error('the sketch does not end');
}

/** Throughout, for grants made at the start that never expire. */
export const forever = '2026-11-20T09:30:00.000Z/..';

/** The wallets of one database, as a supervisor has them. */
export class Bank {
  readonly store: Store;
  readonly leases: WalletLeases;
  readonly ledgerLeases: LedgerLeases;
  readonly shipping: LedgerShipping;
  lineAtto = 0n;

  constructor(store: Store) {
    this.store = store;
    this.ledgerLeases = new LedgerLeases(store);
    this.leases = new WalletLeases({ store, leases: this.ledgerLeases, lineAtto: () => this.lineAtto });
    this.shipping = new LedgerShipping(store, 'journal', new WalletPayer());
  }

  async grant(id: string, units: number, more: Partial<GrantOrder> & { readonly nowMs?: number } = {}) {
    const { nowMs = startMs, ...parts } = more;
    const order: GrantOrder = {
      organisation: 'org_acme',
      id,
      kind: 'paid',
      amountAtto: BigInt(units) * unit,
      currency: 'USD',
      priority: 0,
      effectiveAtMs: undefined,
      expiresAtMs: undefined,
      scope: undefined,
      source: undefined,
      ...parts,
    };
    return (await makeGrants(this.store, [order], nowMs))[0];
  }

  /** In units; undefined when there is not so much. */
  async lease(
    units: number,
    more: { readonly window?: string; readonly scopes?: readonly string[]; readonly holder?: string } = {},
  ): Promise<{ budget: string; window: string; lease: string } | undefined> {
    const budget = poolId({ organisation: 'org_acme', currency: 'USD', scopes: more.scopes ?? [] });
    const window = more.window ?? forever;
    const amount = BigInt(units) * unit;
    const block = await this.leases.acquire({
      budget,
      window,
      limitAtto: 0n,
      needAtto: amount,
      dueAtto: amount,
      wantAtto: amount,
      holder: more.holder ?? 'journal:1',
    });
    return block === 'exhausted' ? undefined : { budget, window, lease: block.lease };
  }

  async ship(...exchanges: readonly CompletedExchange[]): Promise<void> {
    await this.shipping.ship({ exchanges, positions: [], alerts: [] });
  }

  /** What is left, by grant, in units; grants that ended are absent. */
  async left(): Promise<Record<string, number>> {
    const { rows } = await this.store.pool.query(
      `select id, remaining_atto from wallet_balance join wallet_grant on number = grant_number
        where ended is null order by number`,
    );
    return Object.fromEntries(rows.map(row => [row.id, Number(row.remaining_atto) / Number(unit)]));
  }

  /** Balances by the ledger, in units, of accounts that begin with one of these. */
  async accounts(...prefixes: readonly string[]): Promise<Record<string, number>> {
    const { rows } = await this.store.pool.query(
      `select name, sum(case when debit = account.id then amount_atto else -amount_atto end) as atto
         from transfer join account on account.id in (debit, credit)
        where $1::text[] = '{}' or exists (select from unnest($1::text[]) as p where starts_with(name, p))
        group by name order by name collate "C"`,
      [prefixes],
    );
    return Object.fromEntries(rows.map(row => [row.name, Number(row.atto) / Number(unit)]));
  }

  async alerts(): Promise<string[]> {
    const { rows } = await this.store.pool.query('select code from alert order by id');
    return rows.map(({ code }) => code);
  }
}
