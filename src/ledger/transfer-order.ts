import { createHash } from 'node:crypto';
import { type BookAccount, type MemoAccount, parseAccountName } from './accounts.ts';

/** What somebody wants booked: one amount from one account to another, in one currency. The caller chooses the id, so that
 *  ordering twice is booking once. */
export type TransferOrder = OrderFacts &
  (
    | { readonly debit: BookAccount; readonly credit: BookAccount }
    // The memo ledger is beside the books: nothing crosses.
    | { readonly debit: MemoAccount; readonly credit: MemoAccount }
  );

interface OrderFacts {
  /** For ever its own: derived from what is booked (`grant:gr_1:purchase`), never random per try. Not `ex_…`: those are
   *  exchanges. */
  readonly id: string;
  /** What it is, in one word: purchase, grant, payment, breakage, adjustment … */
  readonly kind: string;
  /** Above zero, whole 10⁻¹⁸ of the currency. */
  readonly amountAtto: bigint;
  /** ISO 4217. */
  readonly currency: string;
  /** When it happened; the ledger's day is this instant's, UTC. Absent: when it is booked, by the database's clock; then it
   *  is no part of what another order of this id is compared with. */
  readonly atMs?: number | undefined;
  /** Orders with the same batch are booked together or not at all. */
  readonly batch?: string | undefined;
  /** What it is about: a grant, an exchange, an invoice. */
  readonly reference?: string | undefined;
}

/** A pending transfer: it sets its amount aside until it is posted, voided, or expires. */
export type PendingOrder = TransferOrder & {
  /** By the database's clock; absent waits for ever. */
  readonly expiresAtMs?: number | undefined;
};

/** An order whose id was claimed; its instant is settled. */
export type ClaimedOrder = PendingOrder & { readonly atMs: number };

/** What is wrong with orders; nothing of them was booked. */
export class TransferRefused extends Error {
  override readonly name = 'TransferRefused';
  readonly problems: readonly OrderProblem[];
  constructor(problems: readonly OrderProblem[]) {
    const shown = problems.slice(0, 5).map(({ path, message }) => `${path}: ${message}`);
    super(`${shown.join('; ')}${problems.length > shown.length ? `; and ${problems.length - shown.length} more` : ''}`);
    this.problems = problems;
  }
}

export interface OrderProblem {
  /** `[3].amountAtto` */
  readonly path: string;
  readonly message: string;
}

/** NUMERIC(38,0). */
export const amountAttoMax = 10n ** 38n - 1n;
export const transferIdLengthMax = 200;
const kindPattern = /^[a-z][a-z0-9-]{0,39}$/;
/** The ledger's instants: what Date and Postgres can both write, and a mistyped year is not. */
const atMsMin = Date.UTC(2000, 0, 1);
const atMsMax = Date.UTC(2200, 0, 1);

/** Everything that is wrong with the orders, all at once. Throws TransferRefused. */
export function checkOrders(orders: readonly PendingOrder[]): void {
  const problems: OrderProblem[] = [];
  for (const [index, order] of orders.entries()) {
    for (const [field, message] of problemsOf(order)) problems.push({ path: `[${index}].${field}`, message });
  }
  if (problems.length > 0) throw new TransferRefused(problems);
}

function* problemsOf(order: PendingOrder): Generator<readonly [string, string]> {
  const { id, kind, amountAtto, currency, atMs, batch, reference, debit, credit, expiresAtMs } = order;
  if (!isName(id)) yield ['id', `must be 1 to ${transferIdLengthMax} visible characters`];
  else if (id.startsWith('ex_')) yield ['id', 'ex_ begins the ids of exchanges'];
  if (batch !== undefined && !isName(batch)) yield ['batch', 'is not a name'];
  if (reference !== undefined && !isName(reference)) yield ['reference', 'is not a name'];
  if (!kindPattern.test(kind)) yield ['kind', 'must be a word of lower-case letters, digits and -'];
  if (typeof amountAtto !== 'bigint' || amountAtto <= 0n) yield ['amountAtto', 'must be above zero'];
  else if (amountAtto > amountAttoMax) yield ['amountAtto', 'has more than 38 digits'];
  if (!/^[A-Z]{3}$/.test(currency)) yield ['currency', 'is not an ISO 4217 code'];
  if (atMs !== undefined && !isInstant(atMs)) yield ['atMs', 'is not an instant from 2000 to 2199'];
  if (expiresAtMs !== undefined && !isInstant(expiresAtMs)) yield ['expiresAtMs', 'is not an instant'];
  for (const [side, account] of [['debit', debit] as const, ['credit', credit] as const]) {
    if (parseAccountName(account.name)?.kind !== account.kind) {
      yield [side, `${JSON.stringify(account.name.slice(0, 80))} is not an account of the chart`];
    }
  }
  if (debit.name === credit.name) yield ['credit', 'is the account it comes from'];
  if ((debit.kind === 'memo') !== (credit.kind === 'memo')) yield ['credit', 'is on another ledger'];
}

function isName(text: unknown): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ids are shown on terminals and in files
  return typeof text === 'string' && /^[^\x00-\x20\x7f]+$/.test(text) && text.length <= transferIdLengthMax;
}

function isInstant(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= atMsMin && value < atMsMax;
}

/** The order as it is kept and compared: what it books, and nothing of how it was asked for. In one fixed order of keys. */
export function contentOf(order: PendingOrder, pending: boolean): string {
  return JSON.stringify({
    kind: order.kind,
    debit: order.debit.name,
    credit: order.credit.name,
    amountAtto: order.amountAtto.toString(),
    currency: order.currency,
    ...(order.atMs === undefined ? {} : { at: new Date(order.atMs).toISOString() }),
    ...(order.batch === undefined ? {} : { batch: order.batch }),
    ...(order.reference === undefined ? {} : { reference: order.reference }),
    ...(pending ? { pending: order.expiresAtMs === undefined ? true : new Date(order.expiresAtMs).toISOString() } : {}),
  });
}

export function digestOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}
