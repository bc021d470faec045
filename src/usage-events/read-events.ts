import { isMeter, isTokenMeter } from '../pricing/meters.ts';
import { parseAtto } from '../pricing/money.ts';
import { EventFields } from './event-fields.ts';
import type { EventProblem, TrueUp, TypedEvent, UsageEvent } from './usage-event.ts';

/** The types of events that are taken; a form that changes incompatibly is another type. */
export const usageType = 'ai.gateway.usage.v1';
export const trueUpType = 'ai.gateway.true-up.v1';
/** Events of one request: one transaction of well under a second. */
export const eventsMax = 1_000;
/** JSON of one event, as it is kept. */
const eventBytesMax = 16_384;
/** A use is told this long after at the latest: prices and reports of the month before last are closed. */
export const lateMaxMs = 35 * 86_400_000;
/** Clocks of those who tell run ahead by so much at most. */
export const aheadMaxMs = 5 * 60_000;
/** A figure for a cost comes with an invoice, or with its correction. */
export const trueUpLateMaxMs = 400 * 86_400_000;
/** What is wrong is listed up to here; what follows is often its consequence. */
const problemsMax = 100;
/** Chips, units, seats: as many at once. */
const holdersMax = 10_000_000;

/** Reads CloudEvents 1.0 in JSON, one or a list (https://github.com/cloudevents/spec, json-format.md, 2026-11). Pure.
 *  Either all of them are events, or everything that is wrong is said, with its path. */
export function readEvents(
  body: unknown,
  nowMs: number,
): { readonly events: readonly TypedEvent[] } | { readonly problems: readonly EventProblem[] } {
  const list = Array.isArray(body) ? body : [body];
  if (list.length === 0) return { problems: [{ path: '', message: 'holds no event' }] };
  if (list.length > eventsMax) {
    return { problems: [{ path: '', message: `holds ${list.length} events; at most ${eventsMax} at once` }] };
  }
  const problems: EventProblem[] = [];
  const events: TypedEvent[] = [];
  for (const [index, json] of list.entries()) {
    const fields = new EventFields(Array.isArray(body) ? `${index}` : '', problems);
    const event = readEvent(json, fields, nowMs);
    if (event !== undefined) events.push(event);
    if (problems.length >= problemsMax) break;
  }
  if (problems.length > 0) return { problems: problems.slice(0, problemsMax) };
  // Each kind is one transaction, and a list is taken whole or not at all.
  const mixed = events.find(({ type }) => type !== events[0]?.type);
  if (mixed === undefined) return { events };
  return { problems: [{ path: `${events.indexOf(mixed)}.type`, message: 'a list has usage or true-ups, not both' }] };
}

function readEvent(json: unknown, fields: EventFields, nowMs: number): TypedEvent | undefined {
  const event = fields.object(json, '');
  if (event === undefined) return undefined;
  if (Buffer.byteLength(JSON.stringify(json)) > eventBytesMax) {
    return fields.refuse('', `is more than ${eventBytesMax} bytes of JSON`);
  }
  if (event['specversion'] !== '1.0') fields.refuse('specversion', 'must be "1.0"');
  if ('data_base64' in event) fields.refuse('data_base64', 'data is JSON here');
  const contentType = event['datacontenttype'];
  if (contentType !== undefined && !(typeof contentType === 'string' && /^application\/json\b/i.test(contentType))) {
    fields.refuse('datacontenttype', 'must be application/json');
  }
  fields.checkAttributes(event);
  const { type } = event;
  if (type === usageType) {
    const usage = readUsage(event, fields, nowMs);
    return usage === undefined ? undefined : { type: 'usage', usage, json };
  }
  if (type === trueUpType) {
    const trueUp = readTrueUp(event, fields, nowMs);
    return trueUp === undefined ? undefined : { type: 'true-up', trueUp, json };
  }
  return fields.refuse('type', `must be "${usageType}" or "${trueUpType}"`);
}

type Attributes = Readonly<Record<string, unknown>>;

const usageMembers = [
  'organisation',
  'project',
  'key',
  'meter',
  'quantity',
  'holders',
  'product',
  'deployment',
  'provider',
  'region',
  'mode',
] as const;

function readUsage(event: Attributes, fields: EventFields, nowMs: number): UsageEvent | undefined {
  const name = fields.name(event);
  const atMs = fields.instant(event, 'time', { nowMs, lateMaxMs, aheadMaxMs });
  const data = fields.object(event['data'], 'data');
  if (data === undefined) return undefined;
  fields.refuseUnknown(data, 'data', usageMembers);
  const organisation = fields.word(data, 'data.organisation', { required: true });
  const project = fields.word(data, 'data.project');
  const key = fields.word(data, 'data.key');
  const meter = fields.word(data, 'data.meter', { required: true });
  const quantity = fields.whole(data, 'data.quantity', { required: true });
  const holders = fields.whole(data, 'data.holders', { max: holdersMax }) ?? 1;
  const product = fields.word(data, 'data.product');
  const deployment = fields.word(data, 'data.deployment');
  const provider = fields.word(data, 'data.provider');
  const region = fields.word(data, 'data.region');
  const mode = data['mode'] ?? 'sync';

  if (meter !== undefined && !isMeter(meter)) fields.refuse('data.meter', 'is not a meter');
  if (meter !== undefined && (isTokenMeter(meter) || meter === 'request')) {
    fields.refuse('data.meter', 'is metered in exchanges, not told by events');
  }
  if (holders < 1) fields.refuse('data.holders', 'must be 1 or more');
  if (product === undefined && deployment === undefined) {
    fields.refuse('data.product', 'is missing: vendor/name as in the price book, or a deployment');
  }
  if (product !== undefined && deployment !== undefined) fields.refuse('data.product', 'is said by the deployment');
  if (product !== undefined && !/^[^/]+\/.+$/.test(product)) fields.refuse('data.product', 'must be vendor/name');
  if (project !== undefined && organisation !== undefined && !project.startsWith(`${organisation}/`)) {
    fields.refuse('data.project', 'must be organisation/project of that organisation');
  }
  if (mode !== 'sync' && mode !== 'batch') fields.refuse('data.mode', 'must be "sync" or "batch"');
  if (fields.failed || name === undefined || atMs === undefined || organisation === undefined) return undefined;
  if (quantity === undefined || meter === undefined || !isMeter(meter)) return undefined;
  return {
    ...name,
    atMs,
    organisation,
    project,
    key,
    meter,
    quantity,
    holders,
    product,
    deployment,
    provider,
    region,
    mode: mode === 'batch' ? 'batch' : 'sync',
  };
}

const trueUpMembers = ['exchange', 'attempt', 'cost', 'origin'] as const;
const origins = ['export', 'invoice', 'response'] as const;
/** Attempts are numbered as smallint. */
const attemptMax = 32_767;

function readTrueUp(event: Attributes, fields: EventFields, nowMs: number): TrueUp | undefined {
  const name = fields.name(event);
  const atMs = fields.instant(event, 'time', { nowMs, lateMaxMs: trueUpLateMaxMs, aheadMaxMs });
  const data = fields.object(event['data'], 'data');
  if (data === undefined) return undefined;
  fields.refuseUnknown(data, 'data', trueUpMembers);
  const exchange = fields.word(data, 'data.exchange', { required: true });
  const attempt = fields.whole(data, 'data.attempt', { required: true, max: attemptMax });
  const origin = origins.find(known => known === data['origin']);
  if (origin === undefined) fields.refuse('data.origin', `must be one of ${origins.join(', ')}`);
  if (attempt === 0) fields.refuse('data.attempt', 'must be 1 or more');
  const cost = fields.object(data['cost'], 'data.cost');
  if (cost === undefined) return undefined;
  fields.refuseUnknown(cost, 'data.cost', ['amount', 'currency']);
  const figureAtto = readAmount(cost['amount'], fields);
  const { currency } = cost;
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) {
    fields.refuse('data.cost.currency', 'must be an ISO 4217 code such as "USD"');
    return undefined;
  }
  if (fields.failed || name === undefined || atMs === undefined || exchange === undefined) return undefined;
  if (attempt === undefined || origin === undefined || figureAtto === undefined) return undefined;
  return { ...name, atMs, exchange, attempt, figureAtto, currency, origin };
}

function readAmount(value: unknown, fields: EventFields): bigint | undefined {
  try {
    if (typeof value === 'string') return parseAtto(value);
  } catch {
    // Falls through to the one answer for everything that is no amount.
  }
  return fields.refuse('data.cost.amount', 'must be a decimal string such as "0.0123", with at most 18 decimals');
}
