/** Counters and histograms for the hot path: a cell is found by one lookup of a string and then only added to. They are
 *  turned into Prometheus' form when somebody scrapes. prom-client itself hashes and checks labels at every increment,
 *  which for the dozen increments of one exchange costs more than writing its log line. */

/** Distinct values of a label that comes from configuration or from outside; further ones are counted as `other`. */
export const labelValuesMax = 500;

/** One metric as prom-client's registries exchange it. */
export interface MetricJson {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly aggregator: 'sum' | 'max' | 'min';
  readonly values: readonly MetricValueJson[];
}

export interface MetricValueJson {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

export interface Cell {
  value: number;
}

/** A counter with up to three labels. */
export class Tally {
  readonly #name: string;
  readonly #help: string;
  readonly #labelNames: readonly string[];
  readonly #cells = new Map<string, Cell & { readonly labels: readonly string[] }>();
  readonly #cellsMax: number;

  constructor(name: string, help: string, labelNames: readonly string[], cellsMax = labelValuesMax) {
    this.#name = name;
    this.#help = help;
    this.#labelNames = labelNames;
    this.#cellsMax = cellsMax;
  }

  cell(a = '', b = '', c = ''): Cell {
    const key = `${a}\n${b}\n${c}`;
    return this.#cells.get(key) ?? this.#open(key, [a, b, c]);
  }

  #open(key: string, labels: readonly string[]): Cell {
    if (this.#cells.size >= this.#cellsMax) return this.#other();
    const cell = { value: 0, labels };
    this.#cells.set(key, cell);
    return cell;
  }

  #other(): Cell {
    const other = this.#cells.get('other');
    if (other !== undefined) return other;
    const cell = { value: 0, labels: ['other', 'other', 'other'] };
    this.#cells.set('other', cell);
    return cell;
  }

  json(): MetricJson {
    const values: MetricValueJson[] = [];
    for (const { value, labels } of this.#cells.values()) values.push({ value, labels: this.#named(labels) });
    return { name: this.#name, help: this.#help, type: 'counter', aggregator: 'sum', values };
  }

  #named(labels: readonly string[]): Record<string, string> {
    return Object.fromEntries(this.#labelNames.map((name, index) => [name, labels[index] ?? '']));
  }
}

/** A histogram over fixed bounds, with one label. */
export class Distribution {
  readonly #name: string;
  readonly #help: string;
  readonly #labelName: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, { readonly counts: number[]; sum: number; count: number }>();

  constructor(name: string, help: string, labelName: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#labelName = labelName;
    this.#bounds = bounds;
  }

  observe(label: string, value: number): void {
    let series = this.#series.get(label);
    if (series === undefined) {
      series = { counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
      this.#series.set(label, series);
    }
    series.sum += value;
    series.count += 1;
    for (let index = 0; index < this.#bounds.length; index += 1) {
      if (value > this.#bounds[index]!) continue;
      series.counts[index]! += 1;
      return;
    }
  }

  json(): MetricJson {
    const values: MetricValueJson[] = [];
    for (const [label, series] of this.#series) {
      const labels = { [this.#labelName]: label };
      let cumulative = 0;
      for (const [index, bound] of this.#bounds.entries()) {
        cumulative += series.counts[index]!;
        values.push({ labels: { le: bound, ...labels }, value: cumulative, metricName: `${this.#name}_bucket` });
      }
      values.push({ labels: { le: '+Inf', ...labels }, value: series.count, metricName: `${this.#name}_bucket` });
      values.push({ labels, value: series.sum, metricName: `${this.#name}_sum` });
      values.push({ labels, value: series.count, metricName: `${this.#name}_count` });
    }
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }
}

/** A gauge as it is now. Over the processes of a replica it is added up, or the largest or smallest is shown. */
export function gauge(
  name: string,
  help: string,
  value: number,
  aggregator: MetricJson['aggregator'] = 'sum',
): MetricJson {
  return { name, help, type: 'gauge', aggregator, values: [{ value, labels: {} }] };
}
