import type pg from 'pg';
import { copyIn } from '../store/copy.ts';
import { type MeasureColumn, measureColumns, seriesColumns } from './usage-columns.ts';
import { otherValues, tagOfPart, tagValuesMax } from './usage-tags.ts';

/** What usage is told apart by. */
export interface UsageSeries {
  readonly organisation: string;
  /** organisation/project, as the snapshot names it. */
  readonly project: string;
  readonly key: string;
  /** What the client named; empty for usage that is no exchange. */
  readonly route: string;
  /** These three are empty for what was never sent anywhere. */
  readonly model: string;
  readonly provider: string;
  readonly deployment: string;
  /** Of revenue: `inference`, `storage`, … */
  readonly class: string;
  /** Empty: the whole. Otherwise what of the whole this meter was; such rows are beside the whole, never added to it. */
  readonly meter: string;
  /** Empty: nothing was sold, or bought. */
  readonly sellCurrency: string;
  readonly buyCurrency: string;
  readonly sandbox: boolean;
}

/** Usage to add to the roll-up. Corrections are such rows, too, with signed measures, in the hour of the usage. */
export interface UsageDelta {
  /** Any instant of the hour, milliseconds since 1970. */
  readonly atMs: number;
  readonly series: UsageSeries;
  readonly measures: Readonly<Partial<Record<MeasureColumn, bigint>>>;
}

/** Unique over all its columns: an index row must fit a third of a page. */
const dimensionBytesMax = 256;
/** Numbers of series kept in memory; beyond, all are forgotten and asked for again. */
const seriesKnownMax = 100_000;
const hourMs = 3_600_000;

/** Numbers of series, which never change. One for a process; books with any connection. */
export class UsageSeriesBook {
  /** By database: a process may have several, as tests do. */
  readonly #idsOf = new Map<string, Map<string, number>>();

  /** Makes what is missing. Best outside a transaction: whoever needs the same series would wait for its end. */
  async prepare(client: pg.ClientBase, deltas: readonly UsageDelta[]): Promise<void> {
    const ids = this.#ids(client);
    if (ids.size > seriesKnownMax) ids.clear();
    const unknown = new Map<string, UsageSeries>();
    for (const { series } of deltas) {
      const key = keyOf(series);
      if (!ids.has(key)) unknown.set(key, series);
    }
    await this.#find(client, unknown);
    await this.#boundTags(client, unknown);
    if (unknown.size === 0) return;
    await this.#make(client, unknown);
  }

  async #make(client: pg.ClientBase, unknown: Map<string, UsageSeries>): Promise<void> {
    const columns = seriesColumns.join(', ');
    // An insert that is refused still takes a number, so only what was not found is inserted; in one order, so that two
    // replicas with the same new series never wait for each other in a circle.
    await client.query(
      `insert into usage_series (${columns}) select ${columns} from ${givenSql} order by k collate "C" on conflict do nothing`,
      [givenJson(unknown)],
    );
    await this.#find(client, unknown);
    if (unknown.size > 0) throw new Error('a series of usage was made and is not there');
  }

  /** Appends, in the caller's transaction; whoever reads usage sees it from its commit on. Series must be prepared. */
  async add(client: pg.ClientBase, deltas: readonly UsageDelta[]): Promise<void> {
    if (deltas.length === 0) return;
    const ids = this.#ids(client);
    let text = '';
    for (const { atMs, series, measures } of deltas) {
      const id = ids.get(keyOf(series));
      if (id === undefined) throw new Error(`a series of usage of ${series.organisation} was not prepared`);
      text += `${hourText(atMs)}\t${id}`;
      // Most are zero.
      for (const column of measureColumns) {
        const measure = measures[column];
        text += measure === undefined ? '\t0' : `\t${measure}`;
      }
      text += '\n';
    }
    await copyIn(client, `copy usage_delta (hour, series, ${measureColumns.join(', ')}) from stdin`, text);
  }

  /** Values of a tag beyond the bound go on in the series of the others. Two replicas at once may let a few more through. */
  async #boundTags(client: pg.ClientBase, unknown: Map<string, UsageSeries>): Promise<void> {
    const tagged = [...unknown].filter(([, { meter }]) => meter.startsWith('tag:'));
    if (tagged.length === 0) return;
    const organisations = [...new Set(tagged.map(([, { organisation }]) => organisation))];
    const { rows } = await client.query(
      `select organisation, meter from usage_series
        where organisation = any($1) and starts_with(meter, 'tag:') group by 1, 2`,
      [organisations],
    );
    const known = new Map<string, Set<string>>();
    const valuesOf = (organisation: string, meter: string) => {
      const name = `${organisation}\n${tagOfPart(meter)}`;
      const values = known.get(name) ?? new Set();
      known.set(name, values);
      return values;
    };
    for (const { organisation, meter } of rows) valuesOf(organisation, meter).add(meter);
    const ids = this.#ids(client);
    const others = new Map<string, UsageSeries>();
    const moved: (readonly [key: string, others: string])[] = [];
    for (const [key, series] of tagged) {
      const values = valuesOf(series.organisation, series.meter);
      if (values.has(series.meter)) continue;
      if (values.size < tagValuesMax) {
        values.add(series.meter);
        continue;
      }
      const other = { ...series, meter: `${tagOfPart(series.meter)}=${otherValues}` };
      unknown.delete(key);
      moved.push([key, keyOf(other)]);
      if (!ids.has(keyOf(other))) others.set(keyOf(other), other);
    }
    if (others.size > 0) await this.#make(client, others);
    for (const [key, other] of moved) ids.set(key, ids.get(other)!); // made just now, or known before
  }

  /** Takes what it finds out of `unknown`. */
  async #find(client: pg.ClientBase, unknown: Map<string, UsageSeries>): Promise<void> {
    if (unknown.size === 0) return;
    const { rows } = await client.query(
      `select id, k from ${givenSql} join usage_series using (${seriesColumns.join(', ')})`,
      [givenJson(unknown)],
    );
    const ids = this.#ids(client);
    for (const { id, k } of rows) {
      ids.set(k, id);
      unknown.delete(k);
    }
  }

  #ids(client: pg.ClientBase): Map<string, number> {
    // True: every client is a Client, which knows where it is connected to.
    const { host, port, database } = client as pg.Client;
    const name = `${host}:${port}/${database}`;
    let ids = this.#idsOf.get(name);
    if (ids === undefined) {
      ids = new Map();
      this.#idsOf.set(name, ids);
    }
    return ids;
  }
}

const givenSql = `json_to_recordset($1::json) as given (k text, ${seriesColumns
  .map(column => `${column} ${column === 'sandbox' ? 'boolean' : 'text collate "C"'}`)
  .join(', ')})`;

function givenJson(unknown: ReadonlyMap<string, UsageSeries>): string {
  return JSON.stringify(
    [...unknown].map(([k, series]) => ({
      k,
      ...Object.fromEntries(valuesOf(series).map((value, index) => [seriesColumns[index], value])),
    })),
  );
}

/** Those that are one object are asked for twice or more often. */
const keys = new WeakMap<UsageSeries, string>();

function keyOf(series: UsageSeries): string {
  let key = keys.get(series);
  if (key === undefined) {
    key = valuesOf(series).join('\n');
    keys.set(series, key);
  }
  return key;
}

/** Neighbours are mostly of the same hour. */
function hourText(atMs: number): string {
  const startMs = atMs - (atMs % hourMs);
  if (startMs !== lastHourMs) {
    lastHourMs = startMs;
    lastHourText = new Date(startMs).toISOString();
  }
  return lastHourText;
}
let lastHourMs = Number.NaN;
let lastHourText = '';

/** In the order of seriesColumns. */
function valuesOf(series: UsageSeries): readonly (string | boolean)[] {
  return [
    bounded(series.organisation),
    bounded(series.project),
    bounded(series.key),
    bounded(series.route),
    bounded(series.model),
    bounded(series.provider),
    bounded(series.deployment),
    bounded(series.class),
    bounded(series.meter),
    series.sellCurrency,
    series.buyCurrency,
    series.sandbox,
  ];
}

const plainName = /^[\x20-\x7e]{0,200}$/;

/** Names are shorter; what is longer is cut, so that the same beginning counts together. */
function bounded(name: string): string {
  if (plainName.test(name)) return name;
  const clean = name.toWellFormed().replaceAll(/[\0\n]/g, '\ufffd');
  const bytes = Buffer.from(clean);
  return bytes.length <= dimensionBytesMax
    ? clean
    : bytes
        .subarray(0, dimensionBytesMax)
        .toString()
        .replace(/\ufffd+$/, '');
}
