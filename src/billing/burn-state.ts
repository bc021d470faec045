import type pg from 'pg';
import { smallest } from './burn.ts';
import type { BurnPlace, GrantScope } from './grant.ts';
import { compareBurnPlaces } from './grant.ts';
import type { DueExchange } from './pay-exchanges.ts';
import { moveWallet, type WalletMovement } from './wallet-hour.ts';

/** Of one grant, in the transaction that pays from it. */
export interface GrantLeft extends BurnPlace {
  readonly number: bigint;
  readonly wallet: number;
  readonly effectiveAtMs: number;
  readonly scope: GrantScope | undefined;
  readonly holdable: boolean;
  /** What nobody holds. */
  freeAtto: bigint;
  usedAtto: bigint;
  uses: bigint;
}

/** What one lease, or one quarantined exchange, has set aside, by grant; 0 is the line. */
export class LeaseLeft {
  readonly #parts: Map<bigint, bigint>;
  readonly #before: ReadonlyMap<bigint, bigint>;
  readonly #places: (grant: bigint) => BurnPlace | undefined;
  readonly wallet: number;
  /** What was taken out of it for another holder. */
  readonly moved = new Map<string, Map<bigint, bigint>>();

  constructor(parts: ReadonlyMap<bigint, bigint>, wallet: number, places: (grant: bigint) => BurnPlace | undefined) {
    this.#before = parts;
    this.#parts = new Map(parts);
    this.wallet = wallet;
    this.#places = places;
  }

  heldOf(grant: bigint): bigint {
    return this.#parts.get(grant) ?? 0n;
  }

  take(grant: bigint, amountAtto: bigint): void {
    const left = this.heldOf(grant) - amountAtto;
    if (left < 0n) throw new Error('a lease cannot pay more than it has set aside');
    this.#parts.set(grant, left);
  }

  /** Of the line, as much of it as there is. */
  takeLine(amountAtto: bigint): bigint {
    const taken = smallest(amountAtto, this.heldOf(0n));
    this.take(0n, taken);
    return taken;
  }

  /** Sets free so much, or all there is: what would be used last goes first. */
  release(amountAtto: bigint): void {
    this.#takeIn(this.#grants().reverse(), amountAtto);
  }

  releaseAll(): void {
    for (const grant of this.#parts.keys()) this.#parts.set(grant, 0n);
  }

  /** Sets so much aside for another holder instead: what would be used first goes first. */
  moveTo(holder: string, amountAtto: bigint): void {
    this.moved.set(holder, this.#takeIn(this.#grants(), amountAtto));
  }

  /** Grants of which it holds less than before, and how much less. */
  *changes(): Generator<readonly [bigint, bigint]> {
    for (const [grant, before] of this.#before) {
      const less = before - this.heldOf(grant);
      if (less > 0n) yield [grant, less];
    }
  }

  #takeIn(grants: readonly bigint[], amountAtto: bigint): Map<bigint, bigint> {
    const taken = new Map<bigint, bigint>();
    let left = amountAtto;
    for (const grant of grants) {
      const part = smallest(left, this.heldOf(grant));
      if (part === 0n) continue;
      this.take(grant, part);
      taken.set(grant, part);
      left -= part;
    }
    return taken;
  }

  /** In the order in which they are used; the line last. */
  #grants(): bigint[] {
    return [...this.#parts.keys()].sort((one, other) => {
      const place = this.#places(one);
      const otherPlace = this.#places(other);
      if (place === undefined || otherPlace === undefined) {
        return place === otherPlace ? 0 : place === undefined ? 1 : -1;
      }
      return compareBurnPlaces(place, otherPlace);
    });
  }
}

/** What the wallets of some exchanges have, and what was done with it. */
export class BurnState {
  readonly #leases: ReadonlyMap<string, LeaseLeft>;
  readonly #grants: ReadonlyMap<string, readonly GrantLeft[]>;
  readonly #owed = new Map<number, { amountAtto: bigint; uses: bigint }>();
  readonly #walletIds: ReadonlyMap<string, number>;

  constructor(parts: {
    readonly leases: ReadonlyMap<string, LeaseLeft>;
    readonly grants: ReadonlyMap<string, readonly GrantLeft[]>;
    readonly walletIds: ReadonlyMap<string, number>;
  }) {
    this.#leases = parts.leases;
    this.#grants = parts.grants;
    this.#walletIds = parts.walletIds;
  }

  /** undefined when it is unknown here, or has nothing set aside. */
  lease(id: string): LeaseLeft | undefined {
    return this.#leases.get(id);
  }

  grantsOf(due: DueExchange): readonly GrantLeft[] {
    return this.#grants.get(walletKey(due)) ?? [];
  }

  /** `wasFree`: nobody held it. */
  use(grant: GrantLeft, amountAtto: bigint, wasFree: boolean): void {
    if (wasFree) grant.freeAtto -= amountAtto;
    grant.usedAtto += amountAtto;
    grant.uses += 1n;
  }

  owe(due: DueExchange, amountAtto: bigint): void {
    const id = this.#walletIds.get(walletKey(due));
    if (amountAtto === 0n || id === undefined) return;
    const owed = this.#owed.get(id) ?? { amountAtto: 0n, uses: 0n };
    this.#owed.set(id, { amountAtto: owed.amountAtto + amountAtto, uses: owed.uses + 1n });
  }

  get leases(): ReadonlyMap<string, LeaseLeft> {
    return this.#leases;
  }
  get owed(): ReadonlyMap<number, { readonly amountAtto: bigint; readonly uses: bigint }> {
    return this.#owed;
  }
  usedGrants(): GrantLeft[] {
    return [...this.#grants.values()].flat().filter(({ usedAtto }) => usedAtto > 0n);
  }
}

/** Reads what may pay for these, and takes the locks under which it is paid: wallets whose free money or line is touched,
 *  then balances, each in one order. The leases are locked by having been spent. Wallets are locked `for no key update`: rows
 *  that refer to them are written under the locks of balances, and must not wait for who waits for those. */
export async function readBurnState(client: pg.ClientBase, due: readonly DueExchange[]): Promise<BurnState> {
  const leaseIds = [...new Set(due.flatMap(({ lease }) => lease ?? []))];
  const held =
    leaseIds.length === 0
      ? []
      : (
          await client.query('select holder, wallet, grant_number, atto from wallet_reserve where holder = any($1)', [
            leaseIds,
          ])
        ).rows;

  const organisations = [...new Set(due.map(({ organisation }) => organisation))];
  const wallets = await client.query('select id, organisation, currency from wallet where organisation = any($1)', [
    organisations,
  ]);
  const walletIds = new Map<string, number>(wallets.rows.map(row => [walletKey(row), row.id]));
  const holders = new Set(held.map(({ holder }) => holder));
  const unheld = new Set(
    due
      .filter(({ lease }) => lease === undefined || !holders.has(lease))
      .flatMap(each => walletIds.get(walletKey(each)) ?? []),
  );
  const onLine = held.filter(({ grant_number }) => grant_number === 0n).map(({ wallet }) => wallet as number);
  const toLock = [...new Set([...unheld, ...onLine])];
  if (toLock.length > 0)
    await client.query('select from wallet where id = any($1) order by id for no key update', [toLock]);

  // Locked first and read then: what was waited for is read as it is now.
  const locked = await client.query(
    `select b.grant_number
       from wallet_balance b join wallet_grant g on g.number = b.grant_number
      where (b.wallet = any($1) and b.ended is null and b.remaining_atto > 0
             and (b.wallet = any($2) or not g.holdable))
         or b.grant_number = any($3)
      order by b.grant_number
        for update of b`,
    [[...walletIds.values()], [...unheld], [...new Set(held.map(({ grant_number }) => grant_number.toString()))]],
  );
  const { rows } = await client.query(
    `select b.grant_number, b.wallet, g.id, g.priority, g.effective_at, g.expires_at, g.scope, g.holdable,
            (extract(epoch from g.created_at) * 1000000)::bigint as created_us,
            b.remaining_atto - coalesce(
              (select sum(atto) from wallet_reserve r where r.wallet = b.wallet and r.grant_number = b.grant_number), 0)
              as free_atto
       from wallet_balance b join wallet_grant g on g.number = b.grant_number
      where b.grant_number = any($1) and b.ended is null`,
    [locked.rows.map(({ grant_number }) => grant_number.toString())],
  );
  const grants: GrantLeft[] = rows.map(row => ({
    number: row.grant_number,
    wallet: row.wallet,
    id: row.id,
    priority: row.priority,
    effectiveAtMs: row.effective_at.getTime(),
    expiresAtMs: row.expires_at?.getTime(),
    createdAtUs: row.created_us,
    scope: row.scope ?? undefined,
    holdable: row.holdable,
    freeAtto: row.free_atto,
    usedAtto: 0n,
    uses: 0n,
  }));
  const byNumber = new Map(grants.map(grant => [grant.number, grant]));
  const byWallet = Map.groupBy(grants, ({ wallet }) => wallet);
  const leases = new Map(
    [...Map.groupBy(held, ({ holder }) => holder as string)].map(([lease, parts]) => {
      const amounts = new Map<bigint, bigint>(parts.map(({ grant_number, atto }) => [grant_number, atto]));
      return [lease, new LeaseLeft(amounts, parts[0].wallet, grant => byNumber.get(grant))] as const;
    }),
  );
  return new BurnState({
    leases,
    grants: new Map([...walletIds].map(([key, id]) => [key, byWallet.get(id) ?? []])),
    walletIds,
  });
}

export async function writeBurnState(client: pg.ClientBase, state: BurnState): Promise<void> {
  await writeReserves(client, state);
  const used = state.usedGrants().sort((one, other) => (one.number < other.number ? -1 : 1));
  if (used.length > 0) {
    await client.query(
      `update wallet_balance b set remaining_atto = b.remaining_atto - u.atto
         from unnest($1::bigint[], $2::numeric[]) as u (number, atto)
        where b.grant_number = u.number`,
      [used.map(({ number }) => number.toString()), used.map(({ usedAtto }) => usedAtto.toString())],
    );
  }
  const owed = [...state.owed];
  if (owed.length > 0) {
    await client.query(
      `update wallet w set owed_atto = w.owed_atto + o.atto
         from unnest($1::int[], $2::numeric[]) as o (id, atto) where w.id = o.id`,
      [owed.map(([id]) => id), owed.map(([, { amountAtto }]) => amountAtto.toString())],
    );
  }
  const movements: WalletMovement[] = [
    ...used.map(({ wallet, number, usedAtto, uses }) => ({
      wallet,
      grant: number,
      kind: 'used' as const,
      amountAtto: -usedAtto,
      count: uses,
    })),
    ...owed.map(([wallet, { amountAtto, uses }]) => ({
      wallet,
      grant: 0n,
      kind: 'used' as const,
      amountAtto: -amountAtto,
      count: uses,
    })),
  ];
  await moveWallet(client, movements);
}

/** What was paid, freed or moved leaves the lease; what is left of nothing is no row. */
async function writeReserves(client: pg.ClientBase, state: BurnState): Promise<void> {
  const less = [...state.leases].flatMap(([holder, lease]) =>
    [...lease.changes()].map(([grant, amountAtto]) => ({ holder, grant, amountAtto })),
  );
  if (less.length === 0) return;
  const columns = [
    less.map(({ holder }) => holder),
    less.map(({ grant }) => grant.toString()),
    less.map(({ amountAtto }) => amountAtto.toString()),
  ];
  await client.query(
    `update wallet_reserve r set atto = r.atto - l.atto
       from unnest($1::text[], $2::bigint[], $3::numeric[]) as l (holder, grant_number, atto)
      where r.holder = l.holder and r.grant_number = l.grant_number`,
    columns,
  );
  await client.query('delete from wallet_reserve where holder = any($1) and atto = 0', [
    [...new Set(less.map(({ holder }) => holder))],
  ]);
  const moved = [...state.leases.values()].flatMap(({ wallet, moved: holders }) =>
    [...holders].flatMap(([holder, parts]) =>
      [...parts].map(([grant, amountAtto]) => ({ holder, wallet, grant, amountAtto })),
    ),
  );
  if (moved.length === 0) return;
  await client.query(
    `insert into wallet_reserve (holder, wallet, grant_number, atto)
     select * from unnest($1::text[], $2::int[], $3::bigint[], $4::numeric[])`,
    [
      moved.map(({ holder }) => holder),
      moved.map(({ wallet }) => wallet),
      moved.map(({ grant }) => grant.toString()),
      moved.map(({ amountAtto }) => amountAtto.toString()),
    ],
  );
}

function walletKey({ organisation, currency }: { readonly organisation: string; readonly currency: string }): string {
  return `${organisation}/${currency}`;
}
