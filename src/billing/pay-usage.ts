import type pg from 'pg';
import { unbilled, wallet as walletAccount } from '../ledger/accounts.ts';
import type { Payment } from '../ledger/exchange-payer.ts';
import type { UsageCharge, UsageCredit, UsagePayer } from '../ledger/usage-payer.ts';
import { smallest } from './burn.ts';
import { readBurnState, writeBurnState } from './burn-state.ts';
import { GrantMoves, giveBack, lockWallets } from './give-back.ts';
import { compareBurnPlaces } from './grant.ts';
import { type DueExchange, payFrom } from './pay-exchanges.ts';

/** Pays for usage events from wallets, in the transaction that books them, by what nobody holds and in the order in which
 *  exchanges are paid. What was used cannot be refused: what no grant pays is unbilled, and of organisations that may owe
 *  only so much it counts against their line, beyond it if need be, so that requests stop sooner. */
export class WalletUsagePayer implements UsagePayer {
  async lock(client: pg.ClientBase, organisations: readonly string[]): Promise<void> {
    const { rows } = await client.query(
      'select id from wallet where organisation = any($1) order by id for no key update',
      [organisations],
    );
    if (rows.length === 0) return;
    await client.query('select from wallet_balance where wallet = any($1) order by grant_number for update', [
      rows.map(({ id }) => id),
    ]);
  }

  async pay(client: pg.ClientBase, charges: readonly UsageCharge[]): Promise<readonly (readonly Payment[])[]> {
    if (charges.length === 0) return [];
    await openWallets(client, charges);
    const dues = new Map(charges.map(charge => [charge, dueOf(charge)]));
    const inOrder = [...dues.values()].sort((one, other) => one.atMs - other.atMs || (one.id < other.id ? -1 : 1));
    const state = await readBurnState(client, inOrder);
    const payments = new Map(inOrder.map(due => [due, payFrom(state, due).payments]));
    await writeBurnState(client, state);
    return charges.map(charge => payments.get(dues.get(charge)!)!);
  }

  /** What was used last comes back first; what no grant had paid is owed no more. */
  async giveBack(client: pg.ClientBase, credit: UsageCredit): Promise<readonly Payment[]> {
    const { organisation, currency, owesRest } = credit;
    const moves = new GrantMoves();
    const payments: Payment[] = [];
    let left = credit.amountAtto;
    // What is owed is the last that was used.
    const owed = smallest(credit.owedAtto, left);
    if (owed > 0n) payments.push({ kind: 'sell', debit: unbilled(organisation), amountAtto: owed });
    left -= owed;
    for (const { grant, amountAtto } of await inReverse(client, credit)) {
      const back = smallest(amountAtto, left);
      if (back === 0n) continue;
      left -= back;
      moves.add(organisation, grant, back);
      payments.push({ kind: `burn:${grant}`, debit: walletAccount(organisation, grant), amountAtto: back });
    }
    if (left > 0n) throw new Error(`${organisation} would get back more than was paid for the month`);
    if (owesRest) moves.addLine(organisation, currency, owed);
    const ended = await moves.endedGrants(client);
    await lockWallets(client, [...moves.lines.values(), ...ended]);
    await giveBack(client, moves, ended);
    return payments;
  }
}

async function inReverse(client: pg.ClientBase, { organisation, paid }: UsageCredit): Promise<UsageCredit['paid']> {
  const { rows } = await client.query(
    `select id, priority, expires_at, (extract(epoch from created_at) * 1000000)::bigint as created_us
       from wallet_grant where organisation = $1 and id = any($2)`,
    [organisation, paid.map(({ grant }) => grant)],
  );
  const places = new Map(
    rows.map(row => [
      row.id as string,
      { id: row.id, priority: row.priority, expiresAtMs: row.expires_at?.getTime(), createdAtUs: row.created_us },
    ]),
  );
  return paid.toSorted((one, other) => compareBurnPlaces(places.get(other.grant)!, places.get(one.grant)!));
}

/** An organisation may owe before anything was granted to it. */
async function openWallets(client: pg.ClientBase, charges: readonly UsageCharge[]): Promise<void> {
  const names = new Map(
    charges
      .filter(({ owesRest }) => owesRest)
      .map(({ organisation, currency }) => [`${organisation}/${currency}`, { organisation, currency }]),
  );
  if (names.size === 0) return;
  // In one order, so that two who open the same wallets wait for each other and never in a circle.
  const sorted = [...names].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, name]) => name);
  await client.query(
    `insert into wallet (organisation, currency)
     select n.organisation, n.currency from unnest($1::text[], $2::text[]) as n (organisation, currency)
      where not exists (select from wallet w where w.organisation = n.organisation and w.currency = n.currency)
     on conflict do nothing`,
    [sorted.map(({ organisation }) => organisation), sorted.map(({ currency }) => currency)],
  );
}

function dueOf(charge: UsageCharge): DueExchange {
  const { id, atMs, organisation, currency, product, provider, meter, amountAtto, owesRest } = charge;
  return {
    id,
    atMs,
    organisation,
    currency,
    model: product,
    provider,
    parts: [{ meter, amountAtto }],
    amountAtto,
    lease: undefined,
    quarantinedAtto: 0n,
    owesRest,
  };
}
