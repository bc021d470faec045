import { type Plan, type PlanContext, planApply } from '../../src/control/plan.ts';
import type { DatedPrices, PriceFact, PriceFacts } from '../../src/control/price-facts.ts';
import { readDeclaration } from '../../src/control/read-declaration.ts';
import { type Configuration, emptyConfiguration } from '../../src/control/resources.ts';
import { createSealer } from '../../src/control/seal.ts';
import type { PublicPrices } from '../../src/control/zero-configuration.ts';

export const testMasterKey = 'test-master-key-test-master-key-0';

/** 1 September 2026. */
export const testNowMs = Date.parse('2026-09-01T00:00:00.000Z');

/** A context whose random names are counted, so that two plans of the same content are equal. */
export function planContext(variables: Readonly<Record<string, string>> = {}): PlanContext {
  let minted = 0;
  return {
    nowMs: testNowMs,
    sealer: createSealer(testMasterKey),
    kinds: [
      {
        name: 'openai',
        dialects: ['openai-chat'],
        baseUrl: 'https://api.openai.com/v1',
        environment: ['OPENAI_API_KEY'],
      },
      {
        name: 'anthropic',
        dialects: ['anthropic-messages'],
        baseUrl: 'https://api.anthropic.com',
        environment: ['ANTHROPIC_API_KEY'],
      },
    ],
    resolve: reference => {
      const value = variables[reference.slice('env:'.length)];
      return value === undefined ? { refusal: `${reference} is not set where the server runs` } : { value };
    },
    mintHandle: () => `d_${++minted}`,
    mintKeyId: () => `k${String(++minted).padStart(7, '0')}`,
  };
}

export const designVariables = {
  OPENAI_API_KEY: 'sk-openai',
  ANTHROPIC_API_KEY: 'sk-anthropic',
  ACME_KEY: 'acme-secret-acme-secret-acme-secret',
};

/** Plans a file onto a configuration, as a server would whose environment has the variables. */
export function planText(
  text: string,
  stored: Configuration = emptyConfiguration,
  options: { readonly prune?: boolean; readonly context?: PlanContext } = {},
): Plan {
  const context = options.context ?? planContext(designVariables);
  return planApply(readDeclaration(text), stored, { prune: options.prune ?? false }, context);
}

/** What reviews of facts read. */
export const testPriceFacts: PriceFacts = {
  version: '1.2.3',
  facts: [
    fact('openai', 'gpt-5', { input: '1.25', cacheRead: '0.125', output: '10' }),
    fact('openai', 'gpt-5-mini', { input: '0.25', output: '2' }),
    fact('anthropic', 'claude-sonnet-5', { input: '2', output: '10' }, [
      { from: '2026-12-01', rates: { input: '3', output: '15' }, tiers: [] },
    ]),
    fact('openai', 'odd-1', { input: '5', cacheRead: '6', output: '4' }),
  ],
  excluded: [{ provider: 'openai', model: 'gpt-image-1', reason: 'it is no chat model' }],
};

function fact(
  provider: string,
  model: string,
  rates: DatedPrices['rates'],
  later: readonly DatedPrices[] = [],
): PriceFact {
  const prices = [{ from: undefined, rates, tiers: [] }, ...later];
  return { provider, model, aliases: [], contextTokensMax: undefined, prices };
}

/** Two models of one provider and one of another. */
export const testFacts: PublicPrices = {
  version: '1.2.3',
  currency: 'USD',
  models: [
    {
      provider: 'openai',
      model: 'gpt-5',
      row: { rates: { input: '1.25', output: '10' }, tiers: [] },
      outputTokensMax: 128_000,
    },
    {
      provider: 'openai',
      model: 'gpt-5-mini',
      row: { rates: { input: '0.25', output: '2' }, tiers: [] },
      outputTokensMax: undefined,
    },
    {
      provider: 'anthropic',
      model: 'claude-sonnet-5',
      row: { rates: { input: '3', output: '15' }, tiers: [] },
      outputTokensMax: undefined,
    },
  ],
};
