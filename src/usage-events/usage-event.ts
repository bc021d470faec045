import type { Meter } from '../pricing/meters.ts';

/** One use of something that is no exchange, as it was read. */
export interface UsageEvent {
  /** Who tells it, and the name it has there: together its name for ever. */
  readonly source: string;
  readonly id: string;
  /** When it was used. Milliseconds since 1970; it chooses the price. */
  readonly atMs: number;
  readonly organisation: string;
  /** organisation/project; undefined when it was the organisation's as a whole. */
  readonly project: string | undefined;
  /** Id of a key. */
  readonly key: string | undefined;
  readonly meter: Meter;
  /** In the meter's base units, whole. */
  readonly quantity: number;
  /** How many chips, units or seats were in use at once: a rate's minimum is of each. */
  readonly holders: number;
  /** What is priced: `vendor/name`, as the price book names it; undefined when `deployment` is. */
  readonly product: string | undefined;
  /** Id of a deployment whose prices count. */
  readonly deployment: string | undefined;
  /** Who is owed for it; otherwise the deployment's provider, or the product's vendor. */
  readonly provider: string | undefined;
  readonly region: string | undefined;
  readonly mode: 'sync' | 'batch';
}

/** A later, better figure for what an attempt cost: the provider's own. */
export interface TrueUp {
  readonly source: string;
  readonly id: string;
  /** When the figure was made. Milliseconds since 1970. */
  readonly atMs: number;
  readonly exchange: string;
  readonly attempt: number;
  /** The whole cost of the attempt, in 10⁻¹⁸ of the currency. */
  readonly figureAtto: bigint;
  readonly currency: string;
  /** Where the figure is from. */
  readonly origin: 'export' | 'invoice' | 'response';
}

export type TypedEvent =
  | { readonly type: 'usage'; readonly usage: UsageEvent; readonly json: unknown }
  | { readonly type: 'true-up'; readonly trueUp: TrueUp; readonly json: unknown };

export interface EventProblem {
  /** Within the body: `3.data.quantity`. */
  readonly path: string;
  readonly message: string;
}
