import type { Loss } from '../completion/loss.ts';
import { dropRateLimits } from '../dialects/rate-limits.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Exchange } from './exchange.ts';

/** Adds our own response headers to those of an answer, in place. */
export function carrierHead(
  headers: string[],
  exchange: { readonly arrival: Pick<Exchange['arrival'], 'id'> } & Pick<Exchange, 'rateLimits' | 'downgradedTo'>,
  answer: {
    readonly deployment: Pick<Deployment, 'id'> & { readonly provider: Pick<Deployment['provider'], 'sandbox'> };
    readonly number: number;
    readonly servedModel: string | undefined;
    readonly losses: readonly Loss[];
  },
): string[] {
  const { deployment, number, servedModel, losses } = answer;
  if (exchange.rateLimits !== undefined) ownRateLimits(headers, exchange.rateLimits());
  headers.push(
    'x-carrier-exchange-id',
    exchange.arrival.id,
    'x-carrier-deployment',
    deployment.id,
    'x-carrier-attempts',
    String(number),
  );
  if (servedModel !== undefined) headers.push('x-carrier-served-model', headerSafe(servedModel));
  if (losses.length > 0) headers.push('x-carrier-loss', lossHeader(losses));
  if (exchange.downgradedTo !== undefined) headers.push('x-carrier-downgraded', exchange.downgradedTo);
  if (deployment.provider.sandbox) headers.push('x-carrier-sandbox', '1');
  return headers;
}

/** Where the caller has limits of its own, those of the operator's account are none of its business. */
export function ownRateLimits(headers: string[], own: readonly string[]): void {
  dropRateLimits(headers);
  headers.push(...own);
}

/** `code;path` of each loss, as many as fit; a last entry says how many did not. */
function lossHeader(losses: readonly Loss[]): string {
  let text = '';
  for (let index = 0; index < losses.length; index++) {
    const { code, path } = losses[index]!;
    const entry = `${code};${path.replace(/[^\x21-\x2b\x2d-\x7e]/g, '_')}`;
    if (text.length + entry.length + 2 > lossHeaderLengthMax - moreLengthMax) {
      return `${text}, more;${losses.length - index}`;
    }
    text = text === '' ? entry : `${text}, ${entry}`;
  }
  return text;
}

const lossHeaderLengthMax = 1024;
const moreLengthMax = 16;

/** A provider chooses the name: letters that a header cannot carry become `_`. The record has it as it is. */
function headerSafe(text: string): string {
  return text.slice(0, servedModelLettersMax).replace(/[^\x20-\x7e]/g, '_');
}

const servedModelLettersMax = 256;
