import { createHash } from 'node:crypto';
import { matchesAny } from '../snapshot/allow.ts';
import { canonicalJson } from '../snapshot/hash.ts';

/** paid: the customer's money. promotional: given away. included: part of a fee that is revenue already. */
export const grantKinds = ['paid', 'promotional', 'included'] as const;
export type GrantKind = (typeof grantKinds)[number];

/** What a grant pays for; what is not said is not asked. Patterns: `*` within a segment, `**` all. */
export interface GrantScope {
  /** Over `vendor/name`. */
  readonly models?: readonly string[] | undefined;
  /** Over names of provider accounts. */
  readonly providers?: readonly string[] | undefined;
  /** Over meters, such as `output` or `tool.*`. */
  readonly meters?: readonly string[] | undefined;
}

/** What somebody wants granted. The caller chooses the id, so that ordering twice is granting once. */
export interface GrantOrder {
  readonly organisation: string;
  /** Unique in the organisation. */
  readonly id: string;
  readonly kind: GrantKind;
  readonly amountAtto: bigint;
  readonly currency: string;
  /** Lower is used first. */
  readonly priority: number;
  /** undefined: when it is made. */
  readonly effectiveAtMs: number | undefined;
  /** Exclusive; undefined: never. */
  readonly expiresAtMs: number | undefined;
  readonly scope: GrantScope | undefined;
  /** Where it came from: an order, a contract, a campaign. */
  readonly source: string | undefined;
}

/** What is used before what: lower priority, then earlier expiry, then older, then id. */
export interface BurnPlace {
  readonly priority: number;
  readonly expiresAtMs: number | undefined;
  /** Microseconds: two may be made within a millisecond. */
  readonly createdAtUs: bigint;
  readonly id: string;
}

export function compareBurnPlaces(one: BurnPlace, other: BurnPlace): number {
  if (one.priority !== other.priority) return one.priority - other.priority;
  const expiry = (one.expiresAtMs ?? Number.POSITIVE_INFINITY) - (other.expiresAtMs ?? Number.POSITIVE_INFINITY);
  // Two that never expire are not a number apart.
  if (expiry < 0 || expiry > 0) return expiry;
  if (one.createdAtUs !== other.createdAtUs) return one.createdAtUs < other.createdAtUs ? -1 : 1;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}

/** In one spelling: lists sorted, without repeats. undefined when it asks nothing. */
export function normalScope(scope: GrantScope | undefined): GrantScope | undefined {
  if (scope === undefined) return undefined;
  const lists = (['meters', 'models', 'providers'] as const).flatMap(name => {
    const list = scope[name];
    return list === undefined ? [] : [[name, [...new Set(list)].sort()] as const];
  });
  return lists.length === 0 ? undefined : Object.fromEntries(lists);
}

/** Empty without a scope; the same for the same scope, whoever asks for it. */
export function scopeId(scope: GrantScope | undefined): string {
  const normal = normalScope(scope);
  return normal === undefined ? '' : createHash('sha256').update(canonicalJson(normal)).digest('hex').slice(0, 12);
}

/** What a charge is for. */
export interface ChargedUse {
  readonly model: string;
  readonly provider: string;
}

/** Does it pay for this model and provider? Meters are asked line by line: `paysForMeter`. */
export function paysFor(scope: GrantScope | undefined, { model, provider }: ChargedUse): boolean {
  return (
    (scope?.models === undefined || matchesAny(scope.models, model)) &&
    (scope?.providers === undefined || matchesAny(scope.providers, provider))
  );
}

export function paysForMeter(scope: GrantScope | undefined, meter: string): boolean {
  return scope?.meters === undefined || matchesAny(scope.meters, meter);
}

/** Holds are taken before anybody knows which meters will count: only from what pays for any. */
export function isHoldable(scope: GrantScope | undefined): boolean {
  return scope?.meters === undefined;
}

/** Of everything that was ordered; the same id with another digest is a conflict. */
export function grantDigest(order: GrantOrder): string {
  const content = {
    ...order,
    amountAtto: order.amountAtto.toString(),
    scope: normalScope(order.scope),
  };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}
