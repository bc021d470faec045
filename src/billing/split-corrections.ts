import type pg from 'pg';
import { type BookAccount, unbilled, wallet as walletAccount } from '../ledger/accounts.ts';
import type { ChargeChange, Payer, SplitCharges } from '../ledger/correct.ts';
import { splitAsBefore } from '../ledger/correct.ts';
import { lockLeaseWindows } from '../ledger/leases.ts';
import { smallest } from './burn.ts';
import { readBurnState, writeBurnState } from './burn-state.ts';
import { GrantMoves, giveBack, lockWallets } from './give-back.ts';
import { type BurnPlace, compareBurnPlaces } from './grant.ts';
import { type DueExchange, payFrom } from './pay-exchanges.ts';

/** Who pays a corrected charge. Everything that was paid is given back, and the same grants pay again, in the same order,
 *  up to what they had paid: what is less stays with them, also with those that had ended since. What is more is paid as
 *  if it had not been held: a quarantined exchange's from its hold, and the rest of that is free. */
export const splitWithWallets: SplitCharges = async (client, changes) => {
  const withWallets = await ofWallets(client, changes);
  if (withWallets.size === 0) return splitAsBefore(client, changes);
  const walletLeases = await readWalletLeases(client, changes);
  const places = await readPlaces(client, changes);
  const moves = new GrantMoves();
  const payers = new Map<ChargeChange, Payer[]>();
  const more: { readonly change: ChargeChange; readonly due: DueExchange }[] = [];
  for (const change of changes) {
    const isHeld = change.standing.leases.some(lease => walletLeases.has(lease));
    const { again, restAtto } = payAgain({ ...change, paid: inOrderOfUse(change, places) }, isHeld, moves);
    payers.set(change, again);
    if (restAtto === 0n && change.standing.state !== 'quarantined') continue;
    if (withWallets.has(change)) more.push({ change, due: dueOf(change, isHeld, restAtto) });
    else if (restAtto > 0n) again.push({ account: unbilled(change.standing.organisation), amountAtto: restAtto });
  }
  const ended = await moves.endedGrants(client);
  const toLock = [...moves.lines.values(), ...ended, ...more.map(({ due }) => due)];
  if (toLock.length > 0) {
    // In the order of locks: settling the leases comes after this, and wants theirs.
    await lockLeaseWindows(
      client,
      changes.flatMap(({ standing }) => standing.leases),
    );
    await lockWallets(client, toLock);
  }
  await giveBack(client, moves, ended);
  await payMore(client, more, payers);
  return changes.map(change => payers.get(change) ?? []);
};

const walletPrefix = 'wallet:';

type Places = ReadonlyMap<string, BurnPlace>;

/** What was used last is given back first; what went to nobody's wallet before everything. */
function inOrderOfUse({ paid }: ChargeChange, places: Places): ChargeChange['paid'] {
  return paid.toSorted((one, other) => {
    const place = places.get(one.debitName);
    const otherPlace = places.get(other.debitName);
    if (place !== undefined && otherPlace !== undefined) return compareBurnPlaces(place, otherPlace);
    return place === otherPlace ? 0 : place === undefined ? 1 : -1;
  });
}

/** By the names of their accounts. */
async function readPlaces(client: pg.ClientBase, changes: readonly ChargeChange[]): Promise<Places> {
  const accounts = new Map<string, { readonly organisation: string; readonly id: string }>();
  for (const { standing, paid } of changes) {
    for (const { debitName } of paid) {
      if (debitName.startsWith(walletPrefix)) accounts.set(debitName, grantOf(standing.organisation, debitName));
    }
  }
  if (accounts.size === 0) return new Map();
  const names = [...accounts.keys()];
  const grants = [...accounts.values()];
  const { rows } = await client.query(
    `select m.name, g.id, g.priority, g.expires_at, (extract(epoch from g.created_at) * 1000000)::bigint as created_us
       from unnest($1::text[], $2::text[], $3::text[]) as m (name, organisation, id)
       join wallet_grant g on g.organisation = m.organisation and g.id = m.id`,
    [names, grants.map(({ organisation }) => organisation), grants.map(({ id }) => id)],
  );
  return new Map(
    rows.map(row => [
      row.name,
      { id: row.id, priority: row.priority, expiresAtMs: row.expires_at?.getTime(), createdAtUs: row.created_us },
    ]),
  );
}

function grantOf(organisation: string, accountName: string): { readonly organisation: string; readonly id: string } {
  return { organisation, id: accountName.slice(`${walletPrefix}${organisation}:`.length) };
}

function payAgain(change: ChargeChange, isHeld: boolean, moves: GrantMoves): { again: Payer[]; restAtto: bigint } {
  const { standing, paid, chargedAtto, currency } = change;
  const again: Payer[] = [];
  let left = chargedAtto;
  for (const leg of paid) {
    const kept = leg.currency === currency ? smallest(leg.amountAtto, left) : 0n;
    left -= kept;
    const back = leg.amountAtto - kept;
    if (leg.debitName.startsWith(walletPrefix)) {
      const { id } = grantOf(standing.organisation, leg.debitName);
      if (kept > 0n) again.push({ account: walletAccount(standing.organisation, id), amountAtto: kept });
      moves.add(standing.organisation, id, back);
      continue;
    }
    // What went to a line goes back to it.
    if (isHeld) moves.addLine(standing.organisation, leg.currency, back);
    if (kept > 0n) again.push({ account: unbilled(standing.organisation), amountAtto: kept });
  }
  return { again, restAtto: left };
}

function dueOf({ standing, currency }: ChargeChange, isHeld: boolean, amountAtto: bigint): DueExchange {
  const paidFor =
    standing.attempts.find(({ attempt }) => attempt === standing.deliveredAttempt) ?? standing.attempts.at(-1);
  return {
    id: standing.id,
    atMs: standing.at.getTime(),
    organisation: standing.organisation,
    currency,
    model: paidFor?.model ?? '',
    provider: paidFor?.provider ?? '',
    // Lines of before and after do not pair up: grants for some meters pay for none of it.
    parts: amountAtto === 0n ? [] : [{ meter: '', amountAtto }],
    amountAtto,
    lease: standing.state === 'quarantined' && isHeld ? `exchange:${standing.id}` : undefined,
    quarantinedAtto: 0n,
  };
}

async function payMore(
  client: pg.ClientBase,
  more: readonly { readonly change: ChargeChange; readonly due: DueExchange }[],
  payers: ReadonlyMap<ChargeChange, Payer[]>,
): Promise<void> {
  if (more.length === 0) return;
  const state = await readBurnState(
    client,
    more.map(({ due }) => due),
  );
  for (const { change, due } of more) {
    const { payments } = payFrom(state, due);
    payers
      .get(change)!
      .push(...payments.map(({ debit, amountAtto }) => ({ account: debit as BookAccount, amountAtto })));
    // What an exchange had set aside and does not cost is free.
    if (due.lease !== undefined) state.lease(due.lease)?.releaseAll();
  }
  await writeBurnState(client, state);
}

async function ofWallets(client: pg.ClientBase, changes: readonly ChargeChange[]): Promise<ReadonlySet<ChargeChange>> {
  const organisations = [...new Set(changes.map(({ standing }) => standing.organisation))];
  if (organisations.length === 0) return new Set();
  const { rows } = await client.query('select distinct organisation from wallet where organisation = any($1)', [
    organisations,
  ]);
  const known = new Set(rows.map(({ organisation }) => organisation));
  return new Set(changes.filter(({ standing }) => known.has(standing.organisation)));
}

async function readWalletLeases(client: pg.ClientBase, changes: readonly ChargeChange[]): Promise<ReadonlySet<string>> {
  const leases = [...new Set(changes.flatMap(({ standing }) => standing.leases))];
  if (leases.length === 0) return new Set();
  const { rows } = await client.query(`select id from lease where id = any($1) and starts_with(budget, 'wallet/')`, [
    leases,
  ]);
  return new Set(rows.map(({ id }) => id));
}
