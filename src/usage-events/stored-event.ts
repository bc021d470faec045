import type { Meter } from '../pricing/meters.ts';
import type { PlacedEvent } from './place-event.ts';

/** An event as a query of storedColumns gives it. */
export interface StoredEvent extends Omit<PlacedEvent, 'atMs' | 'quantity' | 'holders' | 'meter'> {
  readonly ref: string;
  readonly at: Date;
  readonly meter: string;
  readonly quantity: bigint;
  readonly holders: bigint;
}

/** Of usage_event as e and usage_event_key as k. */
export const storedColumns = `
  e.ref, k.source, k.id, e.at, e.organisation, nullif(e.project, '') as project, e.project as "placedProject",
  nullif(e.key, '') as key, e.meter, e.quantity, e.holders, e.product as "placedProduct",
  e.provider as "placedProvider", nullif(e.deployment, '') as deployment, nullif(e.region, '') as region, e.mode`;

/** What was told of it, placed as it was then: names may mean something else by now. */
export function readStored(row: StoredEvent): PlacedEvent {
  return {
    source: row.source,
    id: row.id,
    atMs: row.at.getTime(),
    organisation: row.organisation,
    project: row.project ?? undefined,
    key: row.key ?? undefined,
    meter: row.meter as Meter, // true: it was one when the event was read, and meters are never taken away
    quantity: Number(row.quantity),
    holders: Number(row.holders),
    product: undefined,
    deployment: row.deployment ?? undefined,
    provider: undefined,
    region: row.region ?? undefined,
    mode: row.mode,
    placedProject: row.placedProject,
    placedProduct: row.placedProduct,
    placedProvider: row.placedProvider,
  };
}
