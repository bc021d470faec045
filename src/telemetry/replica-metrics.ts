import { AggregatorRegistry } from 'prom-client';
import type { MetricJson } from './tally.ts';

/** Adds up what the processes of this replica counted, and writes it for Prometheus. */
export class ReplicaMetrics {
  /** Counts of workers that are gone: a counter that shrank would read as a restart of everything. */
  #retired: readonly MetricJson[] = [];

  /** A worker ended; these were its last counts. */
  retire(last: readonly MetricJson[]): void {
    const counts = last.filter(metric => metric.type !== 'gauge');
    this.#retired = merge([this.#retired, counts]);
  }

  /** In Prometheus' text format. */
  text(processes: readonly (readonly MetricJson[])[]): Promise<string> {
    const merged = merge([this.#retired, ...processes]);
    return AggregatorRegistry.aggregate([merged as object[]]).metrics();
  }

  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
}

/** One metric of each name. Values with equal labels are added up, or the largest or smallest is kept. */
function merge(processes: readonly (readonly MetricJson[])[]): MetricJson[] {
  const byName = new Map<
    string,
    { readonly head: MetricJson; readonly values: Map<string, MetricJson['values'][number]> }
  >();
  for (const metrics of processes) {
    for (const metric of metrics) {
      let merged = byName.get(metric.name);
      if (merged === undefined) {
        merged = { head: metric, values: new Map() };
        byName.set(metric.name, merged);
      }
      for (const value of metric.values) {
        const key = `${value.metricName ?? ''} ${JSON.stringify(value.labels)}`;
        const known = merged.values.get(key);
        const combined = known === undefined ? value.value : combine(metric.aggregator, known.value, value.value);
        merged.values.set(key, { ...value, value: combined });
      }
    }
  }
  return [...byName.values()].map(({ head, values }) => ({ ...head, values: [...values.values()] }));
}

function combine(aggregator: MetricJson['aggregator'], a: number, b: number): number {
  if (aggregator === 'sum') return a + b;
  return aggregator === 'max' ? Math.max(a, b) : Math.min(a, b);
}
