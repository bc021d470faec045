import type { ProviderCost } from '../completion/usage.ts';
import { divideRoundHalfEven, formatAtto } from '../pricing/money.ts';

const attoDecimals = 18;

/** What a provider says an attempt cost, in 10⁻¹⁸ of its currency; more digits than that are rounded, half to even. */
export function providerCostAtto(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.');
  const digits = fraction.padEnd(attoDecimals, '0');
  return divideRoundHalfEven(BigInt(whole + digits), 10n ** BigInt(digits.length - attoDecimals));
}

/** The provider's own figure beside ours; `difference` is how much more it is than what is owed by our prices, null
 *  where nothing is owed in its currency. */
export interface ProviderCostView extends ProviderCost {
  readonly difference: string | null;
}

export function providerCostView(
  cost: ProviderCost | undefined,
  owed: { readonly amountAtto: bigint; readonly currency: string } | undefined,
): ProviderCostView | null {
  if (cost === undefined) return null;
  const comparable = owed?.currency === cost.currency ? owed : undefined;
  const difference =
    comparable === undefined ? null : formatAtto(providerCostAtto(cost.amount) - comparable.amountAtto);
  return { amount: cost.amount, currency: cost.currency, difference };
}
