import type { Dispatcher } from 'undici';
import { Fault } from '../completion/fault.ts';
import { noMedia } from '../dialects/media-bytes.ts';
import { pricedTools } from '../pricing/rate-card.ts';
import { cardAt, type RateTimeline } from '../pricing/timeline.ts';
import { failTogether } from '../providers/failure-scopes.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Attempt } from './attempt.ts';
import { dialectFor } from './choose.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import type { SentAttempt } from './send-attempt.ts';

/** After how long without a byte the request may be sent to a second deployment as well; undefined: never. */
export function hedgeAfterMs(gateway: GatewayState, exchange: Exchange, first: Deployment): number | undefined {
  const { hedge } = exchange.route.policy;
  if (hedge === undefined || mayRunTools(exchange, first)) return undefined;
  if (hedge.afterMs !== undefined) return hedge.afterMs;
  const kind = { stream: exchange.scan.stream, inputTokens: exchange.decision.facts.inputTokens };
  return hedge.percentile === undefined
    ? undefined
    : gateway.budgets.firstBytes(first.handle, kind).percentileMs(hedge.percentile);
}

/** Can the second one take over? It must not fail for the same reason, nor need anything fetched first. */
export function isBackupFor(exchange: Exchange, first: Deployment, second: Deployment): boolean {
  if (failTogether(first, second) || mayRunTools(exchange, second)) return false;
  const isTranslated = exchange.translation !== undefined && dialectFor(second, exchange.dialect) !== exchange.dialect;
  return !isTranslated || exchange.scan.media === noMedia;
}

/** What a provider runs itself may do something, and would do it twice. Where a request need not name such tools, a price
 *  for them says that there are some. */
function mayRunTools({ arrival, dialect, body, scan, principal }: Exchange, deployment: Deployment): boolean {
  if (dialect.hostedTools !== undefined) return dialect.hostedTools(body, scan).length > 0;
  if (body.includes('"web_search_options"')) return true;
  const hasTools = (prices: RateTimeline | undefined) => {
    const card = prices === undefined ? undefined : cardAt(prices, arrival.atMs);
    return card !== undefined && pricedTools(card).length > 0;
  };
  return hasTools(deployment.sell) || hasTools(principal.contract?.get(deployment.handle));
}

/** Two attempts at one request, until the first of them begins to answer. From then on the client's connection is that one's;
 *  the other is cancelled. */
export class Race {
  readonly #client: ClientAnswer;
  readonly #runners: Attempt[] = [];
  #winner: Attempt | undefined;
  #onAnswer: (() => void) | undefined;

  constructor(client: ClientAnswer) {
    this.#client = client;
    client.onGone = () => {
      // The one that is counted as the client's own is the last to end.
      for (const runner of this.#runners.toReversed()) runner.clientGone();
    };
  }

  get winner(): Attempt | undefined {
    return this.#winner;
  }

  joined(attempt: Attempt): void {
    this.#runners.push(attempt);
    if (this.#winner !== undefined && this.#winner !== attempt) attempt.lose(lost());
  }

  /** The first byte of an answer came. */
  answering(attempt: Attempt, controller: Dispatcher.DispatchController | undefined): void {
    if (this.#winner !== undefined) return;
    this.#winner = attempt;
    this.#onAnswer?.();
    this.#client.readFrom(controller);
    for (const runner of this.#runners) if (runner !== attempt) runner.lose(lost());
  }

  /** True when the first one has said nothing for so long, and somebody still waits for it. */
  async isUndecided(first: Attempt, afterMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), afterMs);
    this.#onAnswer = () => resolve(false);
    void first.result.then(() => resolve(false));
    const isUndecided = await promise;
    clearTimeout(timer);
    return isUndecided;
  }

  /** The two in the order in which they are to be metered: the one that answered is the last. Resolves when one of them is
   *  over. */
  async inOrder<Runner extends { readonly sent: SentAttempt }>(
    first: Runner,
    second: Runner,
  ): Promise<readonly [Runner, Runner]> {
    await Promise.race([first.sent.attempt.result, second.sent.attempt.result]);
    const isFirstLast = this.#winner === undefined ? second.sent.attempt.isOver : this.#winner === first.sent.attempt;
    return isFirstLast ? [second, first] : [first, second];
  }

  /** Both are over. */
  over(): void {
    this.#client.onGone = undefined;
    this.#client.readFrom(undefined);
  }
}

/** Each is a fault of its own attempt. */
function lost(): Fault {
  return new Fault('hedge_lost');
}
