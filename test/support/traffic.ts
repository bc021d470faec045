import { hash } from 'node:crypto';
import type { Reading } from '../../src/completion/usage.ts';
import type { CompletedExchange } from '../../src/journal/assemble.ts';
import type { AttemptEnd, EndRecord, RatedAmount } from '../../src/journal/record.ts';
import { exchangeId } from './exchanges.ts';

/** Traffic of many organisations over a span of time, from a seed: number `n` is always the same exchange. Small facts that
 *  an oracle can add up by itself, beside the exchange as shipping takes it. */
export interface TrafficPlan {
  readonly seed: number;
  readonly events: number;
  readonly organisations: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Prices of each piece of the span, oldest first, by model: pico-currency per 10⁶ tokens. */
  readonly priceChanges: number;
}

export interface TrafficEvent {
  readonly number: number;
  readonly atMs: number;
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly route: string;
  readonly model: string;
  readonly provider: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly state: 'settled' | 'estimated' | 'quarantined' | 'void';
  /** Input tokens that an attempt before the last was charged for by its provider. */
  readonly failedInputTokens: number;
  readonly holdAtto: string;
  /** Part of the rated amount over the hold. */
  readonly overHoldAtto: bigint;
  /** Which prices were in force. */
  readonly version: number;
  readonly sellInput: bigint;
  readonly sellOutput: bigint;
  readonly buyInput: bigint;
  readonly buyOutput: bigint;
}

const models = [
  ['openai/gpt-5', 'openai'],
  ['openai/gpt-5-mini', 'openai'],
  ['anthropic/claude-opus-4-8', 'anthropic'],
  ['anthropic/claude-sonnet-5', 'anthropic'],
  ['google/gemini-2.5-pro', 'google'],
  ['google/gemini-2.5-flash', 'google'],
  ['mistral/large', 'mistral'],
  ['mistral/medium', 'mistral'],
  ['xai/grok-4.3', 'xai'],
  ['deepseek/v4-pro', 'deepseek'],
] as const;
const failingProvider = 'azure';

/** In the order of time. */
export function trafficEvent(plan: TrafficPlan, number: number): TrafficEvent {
  const random = randomOf(plan.seed, number);
  const spanMs = plan.toMs - plan.fromMs;
  const atMs = plan.fromMs + Math.floor((number / plan.events) * spanMs);
  // A few organisations have most of the traffic.
  const organisation = Math.min(plan.organisations - 1, Math.floor(plan.organisations * random() ** 3));
  const project = Math.floor(random() * 2);
  const key = Math.floor(random() * 3);
  const [model, provider] = models[(organisation * 7 + Math.floor(random() * 3)) % models.length]!;
  const rank = models.findIndex(([name]) => name === model) + 1;
  const version = Math.min(plan.priceChanges, Math.floor(((atMs - plan.fromMs) / spanMs) * (plan.priceChanges + 1)));
  const sellInput = BigInt(rank * 500_000_000_000 + version * 123_456_789);
  const chance = random();
  const state = chance < 0.95 ? 'settled' : chance < 0.98 ? 'estimated' : chance < 0.99 ? 'quarantined' : 'void';
  const inputTokens = Math.floor(random() * 4_000);
  const outputTokens = Math.floor(random() * 900);
  const rated = BigInt(inputTokens) * sellInput + BigInt(outputTokens) * sellInput * 4n;
  return {
    number,
    atMs,
    organisation: `org_${organisation}`,
    project: `org_${organisation}/p${project}`,
    key: `k${organisation}_${project}_${key}`,
    route: random() < 0.5 ? 'smart' : model,
    model,
    provider,
    inputTokens,
    outputTokens,
    state,
    failedInputTokens: random() < 0.04 ? 1 + Math.floor(random() * 500) : 0,
    holdAtto: state === 'quarantined' ? '777000000000000' : '0',
    overHoldAtto: random() < 0.01 ? rated / 3n : 0n,
    version,
    sellInput,
    sellOutput: sellInput * 4n,
    buyInput: (sellInput * 7n) / 10n,
    buyOutput: (sellInput * 29n) / 10n,
  };
}

/** As the journal gives it. `variant` tells other facts under the same id: a conflict. */
export function trafficExchange(event: TrafficEvent, variant = 0): CompletedExchange {
  const { atMs, version, state } = event;
  const id = exchangeId(event.number);
  const reading: Reading = {
    slices: { inputUncached: event.inputTokens, output: event.outputTokens + variant },
    source: 'provider',
    ...(state === 'quarantined' ? { quarantine: 'prompt + completion is not total' } : {}),
  };
  const facts = (attempt: number, provider: string) =>
    ({
      attempt,
      deployment: `${provider}-${event.model}`,
      provider,
      model: event.model,
      targetModel: event.model,
      dialect: 'openai-chat',
      startedAtMs: atMs + attempt,
      durationMs: 100,
    }) as const;
  const attempts: AttemptEnd[] = [];
  if (event.failedInputTokens > 0) {
    attempts.push({
      ...facts(1, failingProvider),
      outcome: 'upstream_reset',
      reading: { slices: { inputUncached: event.failedInputTokens }, source: 'estimated', rule: 'bytes-per-token/1' },
      buy: rate(`buy-${version}`, [['input', event.failedInputTokens, event.buyInput]]),
    });
  }
  const isRated = state === 'settled' || state === 'estimated';
  if (state !== 'void') {
    attempts.push({
      ...facts(attempts.length + 1, event.provider),
      outcome: 'ok',
      reading,
      ...(isRated
        ? {
            buy: rate(`buy-${version}`, [
              ['input', event.inputTokens, event.buyInput],
              ['output', event.outputTokens + variant, event.buyOutput],
            ]),
          }
        : {}),
    });
  }
  const end: EndRecord = {
    type: 'end',
    id,
    atMs: atMs + 200,
    status: state === 'void' ? 503 : 200,
    outcome: state === 'void' ? 'no_healthy_deployment' : 'ok',
    stream: false,
    attempts,
    ...(isRated
      ? {
          reading,
          sell: {
            ...rate(`sell-${version}`, [
              ['input', event.inputTokens, event.sellInput],
              ['output', event.outputTokens + variant, event.sellOutput],
            ]),
            overHoldAtto: event.overHoldAtto.toString(),
          },
        }
      : {}),
    state,
    losses: [],
    deliveredBytes: 400,
    requestBytes: 900,
    responseBytes: 400,
    durationMs: 200,
    decision: null,
  };
  return {
    admit: {
      type: 'admit',
      id,
      atMs,
      organisation: event.organisation,
      project: event.project,
      key: event.key,
      dialect: 'openai-chat',
      requestedModel: event.route,
      stream: false,
      snapshot: '5f2a9c1e7b3d4f60',
      hold: { amountAtto: event.holdAtto, currency: 'USD', leases: [] },
      sandbox: false,
    },
    end,
    orphan: false,
    digest: hash('sha256', `${id} ${variant}`, 'hex'),
  };
}

function rate(
  version: string,
  uses: readonly (readonly [meter: string, quantity: number, ratePico: bigint])[],
): RatedAmount {
  let amount = 0n;
  const lines = uses
    .filter(([, quantity]) => quantity > 0)
    .map(([meter, quantity, ratePico]) => {
      const lineAtto = BigInt(quantity) * ratePico;
      amount += lineAtto;
      return { meter, quantity, ratePico: ratePico.toString(), amountAtto: lineAtto.toString() };
    });
  return { amountAtto: amount.toString(), currency: 'USD', version, lines };
}

/** Numbers in [0, 1) that depend on nothing but these two. */
export function randomOf(seed: number, number: number): () => number {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca6b)) >>> 0;
  return () => {
    // mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c (2026-11)
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
