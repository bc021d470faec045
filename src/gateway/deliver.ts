import { Fault } from '../completion/fault.ts';
import { translateRateLimits } from '../dialects/rate-limits.ts';
import { chargedAtto } from '../journal/charged.ts';
import type { EndRecord } from '../journal/record.ts';
import { formatAtto } from '../pricing/money.ts';
import { relayHeaders } from './answer-headers.ts';
import type { ProviderRefusal } from './attempt.ts';
import type { Outcome } from './attempts.ts';
import { carrierHead, ownRateLimits } from './carrier-head.ts';
import type { Exchange } from './exchange.ts';
import { respondBytes, respondFault } from './respond.ts';

/** Gives the client the end of its answer. Called once the end is in the journal, never before. */
export function deliver(exchange: Exchange, outcome: Outcome, end: EndRecord): void {
  const { client } = exchange;
  if (client.gone) return;
  const { delivered, fault } = outcome;
  const delivery = delivered?.delivery;
  if (delivery === undefined) {
    if (client.headersSent) {
      breakOff(exchange, fault ?? new Fault('internal'));
      return;
    }
    refuse(exchange, outcome, fault ?? new Fault('internal'));
    return;
  }
  if (delivery.head !== undefined) {
    const { status, headers } = delivery.head;
    if (delivery.whole) headers.push('content-length', String(delivery.last?.length ?? 0));
    if (end.sell !== undefined)
      headers.push('x-carrier-cost', `${formatAtto(chargedAtto(end.sell))} ${end.sell.currency}`);
    const servedModel = delivered!.result.facts?.servedModel;
    const number = exchange.attempts.length;
    client.begin(
      status,
      carrierHead(headers, exchange, {
        deployment: delivered!.deployment,
        number,
        servedModel,
        losses: outcome.requestLosses,
      }),
    );
  }
  if (!delivery.cut) {
    client.end(delivery.last);
    return;
  }
  client.cut();
}

/** Headers were sent and nothing else that counts. A stream can still say what happened; a whole answer cannot. */
function breakOff({ client, showing, dialect, arrival, scan }: Exchange, fault: Fault): void {
  if (!showing.isBegun) {
    client.cut();
    return;
  }
  const place = showing.soFar?.place;
  client.end(dialect.encodeStreamFault(fault, { exchangeId: arrival.id, streamForm: scan.named?.streamForm, place }));
}

/** Nothing of an answer was sent, so a refusal can still have its status. A provider's own refusal is shown as it is
 *  to clients of its dialect, where it is about their request and not about our account. */
function refuse(exchange: Exchange, outcome: Outcome, fault: Fault): void {
  const { arrival } = exchange;
  const extra = ['x-carrier-attempts', String(exchange.attempts.length)];
  const { last, refusal } = outcome;
  if (last !== undefined) {
    extra.push('x-carrier-deployment', last.id);
    if (last.provider.sandbox) extra.push('x-carrier-sandbox', '1');
  }
  const spoken = exchange.attempts.at(-1)?.dialect === exchange.dialect.name;
  if (refusal === undefined || !spoken || !shown.has(fault.code)) {
    if (refusal !== undefined && !spoken) extra.push(...saidOfRetrying(exchange, fault, refusal));
    if (exchange.rateLimits !== undefined) ownRateLimits(extra, exchange.rateLimits());
    respondFault(arrival, fault, extra);
    return;
  }
  const headers = relayHeaders(refusal.headers, false);
  if (exchange.rateLimits !== undefined) ownRateLimits(headers, exchange.rateLimits());
  headers.push('x-carrier-exchange-id', arrival.id, 'x-carrier-fault', fault.code, ...extra);
  respondBytes(arrival.request, arrival.response, refusal.status, headers, refusal.body);
}

/** What the provider says beside its refusal, in the words of a client of another dialect. */
function saidOfRetrying(exchange: Exchange, fault: Fault, { headers }: ProviderRefusal): string[] {
  const from = exchange.attempts.at(-1)!.dialect; // A refusal is of an attempt.
  const raw = translateRateLimits(headers, from, exchange.dialect.name, exchange.arrival.atMs);
  const shouldRetry = headers['x-should-retry'];
  // Of a spent quota we say so ourselves.
  const isSaid = shouldRetry === 'true' || shouldRetry === 'false';
  if (isSaid && fault.class !== 'quota') raw.push('x-should-retry', shouldRetry);
  return raw;
}

const shown: ReadonlySet<Fault['code']> = new Set<Fault['code']>([
  'upstream_invalid',
  'context_overflow',
  'content_filtered',
  'upstream_rate_limited',
  'upstream_overloaded',
  'upstream_error',
]);
