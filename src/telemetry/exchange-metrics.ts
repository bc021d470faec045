import type { Fault } from '../completion/fault.ts';
import { slices, type UsageSlices } from '../completion/usage.ts';
import type { EndedExchange, WalkStep } from '../gateway/ports.ts';
import { type Cell, Distribution, type MetricJson, Tally } from './tally.ts';

const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const roomWaitBounds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];
const waitBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05];
/** Dialects × modes × outcomes: all three are closed sets. */
const exchangeCellsMax = 1_000;

/** What a worker counts of its exchanges. No label names a key, a project or an organisation. */
export class ExchangeMetrics {
  readonly #exchanges = new Tally(
    'carrier_exchanges_total',
    'Exchanges ended, by client dialect, mode (stream or whole) and outcome (ok or the fault).',
    ['dialect', 'mode', 'outcome'],
    exchangeCellsMax,
  );
  readonly #refusals = new Tally(
    'carrier_refusals_total',
    'Requests refused before they became an exchange, by fault.',
    ['fault'],
  );
  readonly #attempts = new Tally('carrier_attempts_total', 'Attempts, by deployment and outcome.', [
    'deployment',
    'outcome',
  ]);
  readonly #tokens = new Tally('carrier_tokens_total', 'Metered quantities of ended exchanges, by slice.', ['slice']);
  readonly #alerts = new Tally('carrier_alerts_total', 'What an operator must look at, by code.', ['code']);
  readonly #waits = new Tally(
    'carrier_allowance_waits_total',
    'Requests that waited for an allowance of a hard budget, by what came of it.',
    ['outcome'],
  );
  readonly #waitsForRoom = new Tally(
    'carrier_queue_waits_total',
    'Exchanges that waited for room at a deployment, by class and by how it ended: granted, late, full or gone.',
    ['class', 'outcome'],
  );
  readonly #further = new Tally(
    'carrier_further_attempts_total',
    'Attempts after the first, by kind (retry, failover, hedge); refused: the retry or hedge budget had no room.',
    ['kind', 'outcome'],
  );
  readonly #hedges = new Tally(
    'carrier_hedges_total',
    'Requests that were sent to two deployments, by who answered: first, backup or neither.',
    ['answered'],
  );
  readonly #beyondShare = new Tally(
    'carrier_inflow_beyond_share_total',
    'Attempts beyond the share of a deployment for what others failed, because nobody else had room.',
    [],
  );
  readonly #roomWaits = new Distribution(
    'carrier_queue_wait_seconds',
    'How long exchanges waited for room at a deployment.',
    'class',
    roomWaitBounds,
  );
  readonly #durations = new Distribution(
    'carrier_exchange_duration_seconds',
    'From admission to the end of the exchange.',
    'mode',
    durationBounds,
  );
  readonly #firstBytes = new Distribution(
    'carrier_first_byte_seconds',
    'From admission to the first byte of the answer.',
    'mode',
    durationBounds,
  );
  readonly #allowanceWaits = new Distribution(
    'carrier_allowance_wait_seconds',
    'How long requests waited for an allowance.',
    'outcome',
    waitBounds,
  );
  readonly #tokenCells: readonly (readonly [keyof UsageSlices, Cell])[] = slices.map(
    slice => [slice, this.#tokens.cell(slice)] as const,
  );

  ended({ admit, end }: EndedExchange): void {
    const mode = end.stream ? 'stream' : 'whole';
    this.#exchanges.cell(admit.dialect, mode, end.outcome).value += 1;
    for (const attempt of end.attempts) this.#attempts.cell(attempt.deployment, attempt.outcome).value += 1;
    this.#durations.observe(mode, end.durationMs / 1_000);
    if (end.firstByteMs !== undefined) this.#firstBytes.observe(mode, end.firstByteMs / 1_000);
    const used = end.reading?.slices;
    if (used === undefined) return;
    for (const [slice, cell] of this.#tokenCells) cell.value += used[slice] ?? 0;
  }

  refused(fault: Fault): void {
    this.#refusals.cell(fault.code).value += 1;
  }

  alerted(code: string): void {
    this.#alerts.cell(code).value += 1;
  }

  walked(step: WalkStep): void {
    switch (step.type) {
      case 'waited':
        this.#waitsForRoom.cell(step.class, step.outcome).value += 1;
        this.#roomWaits.observe(step.class, step.durationMs / 1_000);
        return;
      case 'further':
        this.#further.cell(step.kind, step.outcome).value += 1;
        return;
      case 'hedged':
        this.#hedges.cell(step.outcome).value += 1;
        return;
      case 'inflow-beyond-share':
        this.#beyondShare.cell().value += 1;
    }
  }

  waited(durationMs: number, outcome: 'granted' | 'exhausted' | 'unverifiable'): void {
    this.#waits.cell(outcome).value += 1;
    this.#allowanceWaits.observe(outcome, durationMs / 1_000);
  }

  json(): MetricJson[] {
    return [
      this.#exchanges.json(),
      this.#refusals.json(),
      this.#attempts.json(),
      this.#tokens.json(),
      this.#alerts.json(),
      this.#waits.json(),
      this.#waitsForRoom.json(),
      this.#further.json(),
      this.#hedges.json(),
      this.#beyondShare.json(),
      this.#roomWaits.json(),
      this.#durations.json(),
      this.#firstBytes.json(),
      this.#allowanceWaits.json(),
    ];
  }
}
