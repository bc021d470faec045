import type { Limit } from '../snapshot/limits.ts';
import { type MetricJson, Tally } from './tally.ts';

/** Scopes × measures × outcomes: all three are closed sets. */
const cellsMax = 200;

/** What a worker counts of limits. No label names a key, a project or an organisation. */
export class LimitMetrics {
  readonly #outcomes = new Tally(
    'carrier_limits_total',
    'Requests that a limit refused, would have refused (shadow), let wait, or let through unanswered, by whose it is.',
    ['scope', 'measure', 'outcome'],
    cellsMax,
  );

  limited({ scope, measure }: Limit, outcome: 'refused' | 'would-refuse' | 'waited' | 'unanswered'): void {
    this.#outcomes.cell(scope, measure, outcome).value += 1;
  }

  json(): MetricJson {
    return this.#outcomes.json();
  }
}
