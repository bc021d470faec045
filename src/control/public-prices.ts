import { normalizeRates, normalizeTiers } from '../pricing/price-row.ts';
import { outputTokensMaxDefault } from './desire-supply.ts';
import { type PriceFacts, pricesAt } from './price-facts.ts';
import type { PublicPrices } from './zero-configuration.ts';

/** The facts that hold at an instant, one entry a name: dated names of a model are models too, since clients use them. */
export function publicPricesAt(facts: PriceFacts, atMs: number): PublicPrices {
  const models = facts.facts.flatMap(fact => {
    const { rates, tiers } = pricesAt(fact, atMs);
    const row = {
      rates: normalizeRates(rates),
      tiers: normalizeTiers(tiers),
    };
    const outputTokensMax = Math.min(outputTokensMaxDefault, fact.contextTokensMax ?? outputTokensMaxDefault);
    return [fact.model, ...fact.aliases].map(model => ({ provider: fact.provider, model, row, outputTokensMax }));
  });
  const byName = new Map(models.map(model => [`${model.provider}/${model.model}`, model]));
  return { version: facts.version, currency: 'USD', models: [...byName.values()] };
}
