import { type Slice, slices } from '../completion/usage.ts';
import type { CompletedExchange } from '../journal/assemble.ts';
import { chargedAtto } from '../journal/charged.ts';
import { deliveredAttempt } from './postings.ts';

/** Usage of one hour by everything that people ask for it by. */
export interface UsageHour {
  readonly hourMs: number;
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly model: string;
  readonly provider: string;
  readonly deployment: string;
  readonly sellCurrency: string;
  readonly buyCurrency: string;
  readonly sandbox: boolean;
  requests: number;
  attempts: number;
  failures: number;
  estimated: number;
  quarantined: number;
  readonly slices: Record<Slice, number>;
  sellAtto: bigint;
  buyAtto: bigint;
}

const hourMs = 3_600_000;

/** Adds up a batch. An exchange counts once, where its answer came from (else at its last attempt); each attempt's cost
 *  counts where it was caused. In one fixed order, so that two replicas never wait for each other in a circle. */
export function rollUp(exchanges: readonly CompletedExchange[]): UsageHour[] {
  const rows = new Map<string, UsageHour>();
  for (const exchange of exchanges) addExchange(rows, exchange);
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function addExchange(rows: Map<string, UsageHour>, exchange: CompletedExchange): void {
  const { end } = exchange;
  const last = end.attempts.at(-1);
  let row: UsageHour | undefined;
  for (const attempt of end.attempts) {
    const sellCurrency = attempt === last ? (end.sell?.currency ?? '') : '';
    row = findRow(rows, exchange, attempt, sellCurrency, attempt.buy?.currency ?? '');
    row.attempts += 1;
    row.buyAtto += BigInt(attempt.buy?.amountAtto ?? '0');
  }
  row ??= findRow(rows, exchange, undefined, end.sell?.currency ?? '', '');
  row.requests += 1;
  if (end.outcome !== 'ok') row.failures += 1;
  if (end.state === 'estimated') row.estimated += 1;
  if (end.state === 'quarantined') row.quarantined += 1;
  const reading = end.reading ?? (deliveredAttempt(exchange) === undefined ? undefined : last?.reading);
  for (const slice of slices) row.slices[slice] += reading?.slices[slice] ?? 0;
  if (end.sell !== undefined) row.sellAtto += chargedAtto(end.sell);
}

function findRow(
  rows: Map<string, UsageHour>,
  { admit }: CompletedExchange,
  served: { readonly model: string; readonly provider: string; readonly deployment: string } | undefined,
  sellCurrency: string,
  buyCurrency: string,
): UsageHour {
  const { organisation, project, key: keyId, sandbox } = admit;
  const { model, provider, deployment } = served ?? { model: '', provider: '', deployment: '' };
  const startMs = admit.atMs - (admit.atMs % hourMs);
  const key = [
    startMs,
    organisation,
    project,
    keyId,
    model,
    provider,
    deployment,
    sellCurrency,
    buyCurrency,
    sandbox,
  ].join('\0');
  let row = rows.get(key);
  if (row === undefined) {
    row = {
      hourMs: startMs,
      organisation,
      project,
      key: keyId,
      model,
      provider,
      deployment,
      sellCurrency,
      buyCurrency,
      sandbox,
      requests: 0,
      attempts: 0,
      failures: 0,
      estimated: 0,
      quarantined: 0,
      slices: emptySlices(),
      sellAtto: 0n,
      buyAtto: 0n,
    };
    rows.set(key, row);
  }
  return row;
}

function emptySlices(): Record<Slice, number> {
  return {
    inputUncached: 0,
    cacheRead: 0,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    inputAudio: 0,
    inputImage: 0,
    inputVideo: 0,
    output: 0,
    reasoning: 0,
    outputAudio: 0,
    outputImage: 0,
  };
}
