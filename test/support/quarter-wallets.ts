import assert from 'node:assert/strict';
import type { GrantOrder } from '../../src/billing/grant.ts';
import { makeGrants } from '../../src/billing/grants.ts';
import { cash, receivable } from '../../src/ledger/accounts.ts';
import type { PendingOrder } from '../../src/ledger/book.ts';
import { openPending, postPending, voidPending } from '../../src/ledger/pending.ts';
import type { Store } from '../../src/store/connect.ts';
import { inTransaction } from '../../src/store/in-transaction.ts';

const dayMs = 86_400_000;
const pendingAtto = 10n ** 18n;

/** What somebody orders while others ship: doing it again changes nothing. */
export type QuarterWork = () => Promise<void>;

/** Prepaid organisations of a simulated quarter, three of eight, each with another way to pay:
 *  - `ample`: more than ever needed, from the beginning: everything is paid from it;
 *  - `short`: two grants that do not reach: they are used to the last atto, the rest is unbilled;
 *  - `expiring`: top-ups and gifts that are made while exchanges ship, and that all expire: what is not used is breakage.
 *  And every day three pending transfers, of which one is posted, one voided, and one expires. */
export class QuarterWallets {
  readonly #store: Store;
  readonly #fromMs: number;
  readonly #days: number;
  readonly #grants: readonly (GrantOrder & { readonly day: number })[];

  /** `charged`: by organisation, over the whole span. */
  constructor(store: Store, span: { fromMs: number; days: number }, charged: ReadonlyMap<string, bigint>) {
    this.#store = store;
    this.#fromMs = span.fromMs;
    this.#days = span.days;
    this.#grants = [...charged].flatMap(([organisation, atto]) => this.#grantsOf(organisation, atto));
  }

  /** What is there before the first exchange. */
  async begin(): Promise<void> {
    await makeGrants(this.#store, this.#ofDay(-1), this.#fromMs);
  }

  /** The orders of a day, to be tried until each was done. */
  worksOf(day: number): QuarterWork[] {
    const nowMs = this.#fromMs + day * dayMs;
    const grants = this.#ofDay(day);
    const store = this.#store;
    const pending = async () => {
      await inTransaction(store, client => openPending(client, this.#pendingOf(day, nowMs)));
      if (day === 0) return;
      await inTransaction(store, async client => {
        await postPending(client, [{ id: `quarter:${day - 1}:post`, amountAtto: pendingAtto / 4n, atMs: nowMs }]);
        await voidPending(client, [`quarter:${day - 1}:void`]);
      });
    };
    return [async () => void (await makeGrants(store, grants, nowMs)), pending];
  }

  /** Everything again. */
  async orderAgain(): Promise<void> {
    for (let day = -1; day < this.#days; day += 1) {
      const outcomes = await makeGrants(this.#store, this.#ofDay(day), this.#fromMs + this.#days * dayMs);
      assert.ok(
        outcomes.every(outcome => outcome === 'exists'),
        `${outcomes}`,
      );
      for (const work of day === -1 ? [] : this.worksOf(day)) await work();
    }
  }

  /** `charged`: by organisation. Read from the transfers, after the last grant expired. */
  async verify(charged: ReadonlyMap<string, bigint>): Promise<void> {
    const { rows } = await this.#store.pool.query(
      `select d.name as debit, c.name as credit, sum(t.atto) as atto
         from (select debit, credit, sum(amount_atto) as atto from transfer group by debit, credit) as t
         join account d on d.id = t.debit join account c on c.id = t.credit
        group by 1, 2`,
    );
    const moved = new Map<string, bigint>(rows.map(({ debit, credit, atto }) => [`${debit} > ${credit}`, atto]));
    const burned = new Map<string, bigint>();
    for (const [name, atto] of moved) {
      const [, organisation] = /^wallet:([^:]+):.* > revenue:inference$/.exec(name) ?? [];
      if (organisation !== undefined) burned.set(organisation, (burned.get(organisation) ?? 0n) + atto);
    }
    const endings = ['ample > revenue:inference', 'second > revenue:inference', 'gift > revenue:breakage'];
    for (const end of endings)
      assert.ok(
        [...moved.keys()].some(name => name.endsWith(end)),
        `nothing went from ${end}`,
      );
    for (const [organisation, atto] of charged) {
      const unbilled = moved.get(`unbilled:${organisation} > revenue:inference`) ?? 0n;
      const paid = burned.get(organisation) ?? 0n;
      assert.equal(paid + unbilled, atto, organisation);
      const grants = this.#grants.filter(grant => grant.organisation === organisation);
      const granted = grants.reduce((sum, { amountAtto }) => sum + amountAtto, 0n);
      const kind = kindOf(organisation);
      if (kind === 'ample') assert.equal(unbilled, 0n, organisation);
      if (kind === 'short') assert.equal(paid, granted, organisation);
      if (kind === undefined) assert.equal(paid, 0n, organisation);
      if (kind !== 'expiring') continue;
      const broken = grants.reduce(
        (sum, { id }) => sum + (moved.get(`wallet:${organisation}:${id} > revenue:breakage`) ?? 0n),
        0n,
      );
      assert.equal(paid + broken, granted, organisation);
    }
    assert.equal(
      [...moved].reduce((sum, [name, atto]) => (name.startsWith('cash > receivable:') ? sum + atto : sum), 0n),
      (BigInt(this.#days - 1) * pendingAtto) / 4n,
    );
    const waiting = await this.#store.pool.query('select id from pending_open order by id');
    const last = this.#days - 1;
    assert.deepEqual(
      waiting.rows.map(({ id }) => id),
      [`quarter:${last}:post`, `quarter:${last}:void`],
    );
  }

  #ofDay(day: number): GrantOrder[] {
    return this.#grants.filter(grant => grant.day === day).map(({ day: _, ...order }) => order);
  }

  #grantsOf(organisation: string, atto: bigint): (GrantOrder & { readonly day: number })[] {
    if (atto < 100n) return [];
    const grant = (id: string, day: number, amountAtto: bigint, more: Partial<GrantOrder> = {}) => ({
      ...{ day, organisation, id, amountAtto, kind: 'paid' as const, currency: 'USD', priority: 0 },
      ...{ effectiveAtMs: undefined, expiresAtMs: undefined, scope: undefined, source: undefined },
      ...more,
    });
    const atEndOf = (day: number) => ({ expiresAtMs: this.#fromMs + (day + 1) * dayMs });
    switch (kindOf(organisation)) {
      case 'ample':
        return [grant('ample', -1, atto * 2n)];
      case 'short':
        return [grant('first', -1, atto / 7n), grant('second', -1, atto / 5n, { priority: 1, kind: 'promotional' })];
      case 'expiring': {
        const third = Math.floor(this.#days / 3);
        const gift = { kind: 'promotional' as const, ...atEndOf(third) };
        return [
          grant('gift', 0, atto / 4n, gift),
          // Far more than a third needs, so that something is left.
          ...[0, 1, 2].map(part => grant(`top-up-${part}`, part * third, atto / 2n, atEndOf((part + 1) * third - 1))),
        ];
      }
      default:
        return [];
    }
  }

  #pendingOf(day: number, atMs: number): PendingOrder[] {
    return ['post', 'void', 'expire'].map(fate => ({
      id: `quarter:${day}:${fate}`,
      kind: 'payment',
      debit: cash,
      credit: receivable(`org_${day % 7}`),
      amountAtto: pendingAtto,
      currency: 'USD',
      atMs,
      // By the database's clock.
      ...(fate === 'expire' ? { expiresAtMs: Date.UTC(2026, 0, 1) } : {}),
    }));
  }
}

function kindOf(organisation: string): 'ample' | 'short' | 'expiring' | undefined {
  return ([undefined, 'ample', 'short', 'expiring'] as const)[Number(organisation.slice('org_'.length)) % 8];
}
