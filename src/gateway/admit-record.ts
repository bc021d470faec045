import type { AdmitRecord, HeldLease } from '../journal/record.ts';
import { sellPrices } from '../snapshot/load.ts';
import type { Fitting } from './admit.ts';
import type { Exchange } from './exchange.ts';
import { usageTagsOf } from './exchange-tags.ts';

export function admitRecord(exchange: Exchange, admission: Fitting): AdmitRecord {
  const { arrival, principal, scan, carrier } = exchange;
  const first = admission.order[0]!;
  return {
    type: 'admit',
    id: arrival.id,
    atMs: arrival.atMs,
    organisation: principal.organisation,
    project: principal.project,
    key: principal.key,
    dialect: exchange.dialect.name,
    requestedModel: scan.requestedModel,
    stream: scan.stream,
    snapshot: exchange.snapshot.hash,
    hold: {
      amountAtto: admission.hold === undefined ? '0' : admission.hold.amount.toString(),
      currency: sellPrices(first, principal)!.currency,
      leases: heldLeases(admission),
    },
    sandbox: first.provider.sandbox,
    tags: carrier.tags,
    usageTags: usageTagsOf(carrier.tags, principal),
  };
}

function heldLeases({ hold, pools }: Fitting): readonly HeldLease[] {
  if (hold === undefined) return [];
  if (pools === undefined) return hold.leases;
  return hold.leases.map(lease => {
    const deployments = pools.get(lease.budget);
    return deployments === undefined ? lease : { ...lease, deployments };
  });
}
