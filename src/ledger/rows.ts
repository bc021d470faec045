import type { CompletedExchange } from '../journal/assemble.ts';
import { chargedAtto } from '../journal/charged.ts';
import type { Payment } from './exchange-payer.ts';
import { chargesOf, deliveredAttempt, type Posting, postingsOf, salePostings } from './postings.ts';

/** Tables that are written by COPY: it takes a row in a few microseconds, and one statement a table, however large the
 *  batch. In the order in which they are filled: what is quick to spell comes first, so that the rest can be spelled
 *  while Postgres is busy with the one before. */
export const copiedTables = ['decision', 'transfer', 'charge', 'attempt', 'exchange'] as const;

/** The row of an account of this name in this currency. */
export type AccountNumber = (name: string, currency: string) => number;

export type CopiedTable = (typeof copiedTables)[number];

/** In the order of the fields below. */
export const copiedColumns = {
  exchange:
    'at, id, ended_at, organisation, project, key, dialect, requested_model, served_model, stream, sandbox, snapshot, ' +
    'hold_atto, hold_currency, hold_leases, tags, usage_tags, status, outcome, state, delivered_attempt, reading, losses, ' +
    'sell_atto, over_hold_atto, sell_currency, sell_version, delivered_bytes, request_bytes, response_bytes, ' +
    'first_byte_ms, duration_ms, trimmed, queued_ms',
  attempt:
    'at, exchange_id, attempt, started_at, deployment, provider, model, target_model, served_model, dialect, outcome, ' +
    'upstream_status, provider_request_id, first_byte_ms, duration_ms, reading, buy_atto, buy_currency, buy_version',
  decision: 'at, exchange_id, record',
  charge: 'at, exchange_id, book, attempt, amount_atto, currency, version, lines',
  transfer: 'at, exchange_id, attempt, kind, debit, credit, amount_atto, currency',
} as const satisfies Record<CopiedTable, string>;

/** The rows of a batch for one table, in the text form of COPY. `accountId` knows every account that postings name. Sales of
 *  `unpaid` organisations are left out: who pays for them is not known yet. */
export function copyText(
  table: CopiedTable,
  exchanges: readonly CompletedExchange[],
  accountId: AccountNumber,
  unpaid: ReadonlySet<string> = nobody,
): string {
  if (table === 'transfer' && unpaid.size > 0) return transfersWithoutSales(exchanges, accountId, unpaid);
  const rowsOf = rowsByTable[table];
  let rows = '';
  for (const exchange of exchanges) rows += rowsOf(exchange, accountId);
  return rows;
}

const rowsByTable: Readonly<Record<CopiedTable, (exchange: CompletedExchange, accountId: AccountNumber) => string>> = {
  exchange: exchangeRow,
  attempt: attemptRows,
  decision: decisionRow,
  charge: chargeRows,
  transfer: transferRows,
};

function exchangeRow(exchange: CompletedExchange): string {
  const { admit, end } = exchange;
  const delivered = deliveredAttempt(exchange);
  const deliveredReading = end.attempts.find(({ attempt }) => attempt === delivered)?.reading;
  const { sell } = end;
  return (
    `${head(exchange)}\t${instant(end.atMs)}\t${text(admit.organisation)}\t${text(admit.project)}\t${text(admit.key)}\t` +
    `${text(admit.dialect)}\t${text(admit.requestedModel)}\t${text(end.servedModel)}\t${flag(end.stream)}\t` +
    `${flag(admit.sandbox)}\t${text(admit.snapshot)}\t${admit.hold.amountAtto}\t${text(admit.hold.currency)}\t` +
    `${admit.hold.leases.length === 0 ? absent : json(admit.hold.leases)}\t${json(admit.tags)}\t${json(admit.usageTags)}\t` +
    `${whole(end.status)}\t${text(end.outcome)}\t${end.state}\t${whole(delivered)}\t` +
    `${end.reading === undefined || sameJson(end.reading, deliveredReading) ? absent : json(end.reading)}\t` +
    `${end.losses.length === 0 ? absent : json(end.losses)}\t` +
    `${sell === undefined ? absent : chargedAtto(sell)}\t` +
    `${sell?.overHoldAtto ?? absent}\t${text(sell?.currency)}\t${text(sell?.version)}\t` +
    `${whole(end.deliveredBytes)}\t${whole(end.requestBytes)}\t${whole(end.responseBytes)}\t` +
    `${whole(end.firstByteMs)}\t${whole(end.durationMs)}\t${json(end.trimmed)}\t${whole(end.queuedMs)}\n`
  );
}

function attemptRows(exchange: CompletedExchange): string {
  let rows = '';
  for (const attempt of exchange.end.attempts) {
    rows +=
      `${head(exchange)}\t${whole(attempt.attempt)}\t${instant(attempt.startedAtMs)}\t${text(attempt.deployment)}\t` +
      `${text(attempt.provider)}\t${text(attempt.model)}\t${text(attempt.targetModel)}\t` +
      `${text(attempt.servedModel)}\t${text(attempt.dialect)}\t${text(attempt.outcome)}\t` +
      `${whole(attempt.upstreamStatus)}\t${text(attempt.providerRequestId)}\t${whole(attempt.firstByteMs)}\t` +
      `${whole(attempt.durationMs)}\t${json(attempt.reading)}\t${attempt.buy?.amountAtto ?? absent}\t` +
      `${text(attempt.buy?.currency)}\t${text(attempt.buy?.version)}\n`;
  }
  return rows;
}

function decisionRow(exchange: CompletedExchange): string {
  const { decision } = exchange.end;
  return decision === undefined || decision === null ? '' : `${head(exchange)}\t${json(decision)}\n`;
}

function chargeRows(exchange: CompletedExchange): string {
  let rows = '';
  for (const { book, attempt, rated } of chargesOf(exchange)) {
    rows +=
      `${head(exchange)}\t${book}\t${whole(attempt)}\t${rated.amountAtto}\t${text(rated.currency)}\t` +
      `${text(rated.version)}\t${json(rated.lines)}\n`;
  }
  return rows;
}

const nobody: ReadonlySet<string> = new Set();

/** Rows of `transfer` for sales, as they are paid. */
export function saleText(
  exchanges: readonly CompletedExchange[],
  payments: ReadonlyMap<string, readonly Payment[]>,
  accountId: AccountNumber,
): string {
  let rows = '';
  for (const exchange of exchanges) {
    rows += postingRows(exchange, salePostings(exchange, payments.get(exchange.admit.id) ?? []), accountId);
  }
  return rows;
}

function transfersWithoutSales(
  exchanges: readonly CompletedExchange[],
  accountId: AccountNumber,
  unpaid: ReadonlySet<string>,
): string {
  let rows = '';
  for (const exchange of exchanges) {
    const postings = postingsOf(exchange);
    const now = unpaid.has(exchange.admit.organisation) ? postings.filter(({ kind }) => kind !== 'sell') : postings;
    rows += postingRows(exchange, now, accountId);
  }
  return rows;
}

function transferRows(exchange: CompletedExchange, accountId: AccountNumber): string {
  return postingRows(exchange, postingsOf(exchange), accountId);
}

function postingRows(exchange: CompletedExchange, postings: readonly Posting[], accountId: AccountNumber): string {
  let rows = '';
  for (const posting of postings) {
    rows +=
      `${head(exchange)}\t${whole(posting.attempt)}\t${posting.kind}\t${accountId(posting.debit.name, posting.currency)}\t` +
      `${accountId(posting.credit.name, posting.currency)}\t${posting.amountAtto}\t${text(posting.currency)}\n`;
  }
  return rows;
}

/** The two columns that every row begins with. */
function head({ admit }: CompletedExchange): string {
  return `${instant(admit.atMs)}\t${text(admit.id)}`;
}

/** The row of exchange_key: `at, id, digest`. */
export function keyRow(exchange: CompletedExchange): string {
  // A backslash is doubled in COPY's text form.
  return `${head(exchange)}\t\\\\x${exchange.digest}\n`;
}

const absent = '\\N';

function text(value: string | undefined): string {
  return value === undefined ? absent : escapeField(value);
}

/** Timings may come as fractions of a clock; columns hold whole numbers. */
function whole(value: number | undefined): string {
  return value === undefined ? absent : Math.round(value).toString();
}

function flag(value: boolean): string {
  return value ? 't' : 'f';
}

function json(value: unknown): string {
  return value === undefined ? absent : escapeField(JSON.stringify(value));
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

const special = /[\\\t\n\r\0]/;
const replacements: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  // Postgres text has no NUL.
  '\0': '\ufffd',
};

export function escapeField(value: string): string {
  return special.test(value) ? value.replace(/[\\\t\n\r\0]/g, character => replacements[character]!) : value;
}

/** Most instants of a batch lie in the same few seconds; the date part is made once a minute. */
function instant(atMs: number): string {
  const minute = Math.floor(atMs / 60_000);
  if (minute !== lastMinute) {
    lastMinute = minute;
    lastMinuteText = new Date(minute * 60_000).toISOString().slice(0, 17);
  }
  const ms = Math.round(atMs - minute * 60_000);
  return `${lastMinuteText}${ms < 10_000 ? '0' : ''}${(ms / 1_000).toFixed(3)}Z`;
}
let lastMinute = Number.NaN;
let lastMinuteText = '';
