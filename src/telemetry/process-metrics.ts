import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gauge, type MetricJson } from './tally.ts';

/** Nanoseconds to seconds. */
const nano = 1e-9;
/** How often the event loop's delay is sampled: coarse enough to cost nothing. */
const delayResolutionMs = 20;

/** What every process says of itself. The delay is that since the last scrape. */
export class ProcessMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: delayResolutionMs });

  constructor() {
    this.#delay.enable();
  }

  json(): MetricJson[] {
    const delays = [
      gauge(
        'carrier_event_loop_delay_p99_seconds',
        'Of the slowest process.',
        this.#delay.percentile(99) * nano,
        'max',
      ),
      gauge('carrier_event_loop_delay_max_seconds', 'Of the slowest process.', this.#delay.max * nano, 'max'),
    ];
    this.#delay.reset();
    const { user, system } = process.cpuUsage();
    return [
      ...delays,
      {
        name: 'carrier_cpu_seconds_total',
        help: 'User and system time of supervisor and workers.',
        type: 'counter',
        aggregator: 'sum',
        values: [{ value: (user + system) / 1e6, labels: {} }],
      },
      gauge('carrier_resident_memory_bytes', 'Of supervisor and workers together.', process.memoryUsage.rss()),
    ];
  }

  close(): void {
    this.#delay.disable();
  }
}
