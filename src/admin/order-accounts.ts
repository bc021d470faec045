import { ConfigurationError, type Problem } from '../config/problem.ts';
import { resourceOf } from '../control/resources.ts';
import type { AdminDependencies } from './dependencies.ts';

type Sides = { readonly debit: string; readonly credit: string };

/** Whose an account is, where its name says so. */
const owners: ReadonlyMap<string, 'organisation' | 'provider'> = new Map([
  ['receivable', 'organisation'],
  ['unbilled', 'organisation'],
  ['provider_prepaid', 'provider'],
  ['provider_accrued', 'provider'],
  ['provider_payable', 'provider'],
]);

/** Refuses orders on accounts of organisations and providers that there are not, since a slip of the pen would open a new
 *  account, and on wallets, whose grants would not know of it. Who is gone from the configuration may still be settled
 *  with: an account that is there may be used. Throws ConfigurationError. */
export async function refuseStrangers(
  { control, store }: Pick<AdminDependencies, 'control' | 'store'>,
  orders: readonly Sides[],
): Promise<void> {
  const configuration = await control.readConfiguration();
  const problems: Problem[] = [];
  const strange: { readonly path: string; readonly account: string; readonly message: string }[] = [];
  orders.forEach((order, index) => {
    for (const side of ['debit', 'credit'] as const) {
      const path = `body.transfers[${index}].${side}`;
      const account = order[side];
      const colon = account.indexOf(':');
      const kind = owners.get(account.slice(0, colon));
      const owner = account.slice(colon + 1);
      if (account.startsWith('wallet:')) {
        const message = 'is moved by grants: `carrier wallets grant`, `void` and `refund`';
        problems.push({ path, code: 'configuration_invalid', message });
      } else if (kind !== undefined && resourceOf(configuration, kind, owner) === undefined) {
        strange.push({ path, account, message: `there is no ${kind} ${owner}` });
      }
    }
  });
  if (strange.length > 0) {
    const { rows } = await store.pool.query<{ name: string }>('select name from account where name = any($1)', [
      strange.map(({ account }) => account),
    ]);
    const known = new Set(rows.map(({ name }) => name));
    for (const { path, account, message } of strange) {
      if (!known.has(account)) problems.push({ path, code: 'configuration_invalid', message });
    }
  }
  if (problems.length > 0) throw new ConfigurationError(problems, 'the request');
}
