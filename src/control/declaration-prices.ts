import { z } from 'zod';
import { isCurrency } from '../pricing/currencies.ts';
import { isToolMeter, meterRow, tokenMeters, type UnitMeter, unitMeters } from '../pricing/meters.ts';

/** The `prices:` part of the declarative file. */

/** Bounds of one file. */
const rowsMax = 20_000;
const tiersMax = 16;
const cellsMax = 64;
const scheduledMax = 100;
const toolsMax = 32;
const stepsMax = 16;

const decimal = (integerDigits: number, decimals: number, what: string) =>
  z
    .string({ error: `must be a decimal string in quotes, such as "1.25": ${what}` })
    .regex(new RegExp(`^\\d{1,${integerDigits}}(?:\\.\\d{1,${decimals}})?$`), {
      error: `must be a decimal such as "1.25", with at most ${decimals} decimals and no sign`,
    });

const rate = decimal(12, 12, 'currency per million units');
const whole = (min: number, max: number) => z.int().min(min).max(max);
/** Sums of a month may pass what a number of JSON says exactly. */
const unitsForm = { error: 'must be a whole number of units, in quotes above 9007199254740991' };
const units = z.union(
  [whole(0, Number.MAX_SAFE_INTEGER).transform(String), z.string().regex(/^\d{1,24}$/, unitsForm)],
  unitsForm,
);
const step = z
  .strictObject({
    above: units
      .refine(text => BigInt(text) > 0n, { error: 'must be above 0' })
      .optional()
      .describe('Units of the month, without the free ones, after which it begins.'),
    from: units
      .refine(text => BigInt(text) > 1n, { error: 'must be above 1' })
      .optional()
      .describe('The same as the first unit that it holds for; in place of `above`.'),
    amount: rate.describe('What `per` units cost from there on.'),
  })
  .refine(({ above, from }) => (above === undefined) !== (from === undefined), {
    error: 'needs either `above` or `from`',
  })
  // Units are whole: from 11 on is above 10.
  .transform(({ above, from = '1', amount }) => ({ above: above ?? (BigInt(from) - 1n).toString(), amount }));
const steps = z.array(step).min(1).max(stepsMax).optional();
const unitRate = z.union(
  [
    rate,
    z.strictObject({
      amount: rate.describe('What `per` units cost.'),
      per: whole(1, 1_000_000_000_000).describe('Units that `amount` is for, such as 3600 or 1000000000.'),
      minimum: whole(0, 1_000_000_000)
        .optional()
        .describe('Fewest units that one use is charged for, of each chip that it holds.'),
      // Which meters may be priced by the sum of a month, pricing/price-row.ts says.
      free: units.optional().describe('Units of each calendar month, UTC, that cost nothing.'),
      graduated: steps.describe('What more units of a month cost: each unit at the step that it falls in.'),
      volume: steps.describe('What all units of a month cost, once there are more than so many.'),
    }),
  ],
  { error: 'must be a decimal string such as "1.25", currency per million units, or { amount: "2.49", per: 3600 }' },
);

const multiplier = decimal(2, 6, 'a factor').refine(text => Number(text) > 0, { error: 'must be above 0' });
const discount = z
  .string({ error: 'must be a decimal string in quotes, such as "0.1"' })
  .regex(/^0\.\d{1,6}$/, { error: 'must be a part such as "0.1", above 0 and below 1' })
  .refine(text => Number(text) > 0, { error: 'must be above 0' });

/** One spelling for one instant, to the millisecond. */
const instant = z.iso
  .datetime({ offset: true, error: 'must be an instant such as 2027-01-01T00:00:00Z' })
  .transform(text => new Date(text).toISOString());

const described = (meter: (typeof tokenMeters)[number] | UnitMeter) =>
  `${meterRow(meter).meaning} Unit: ${meterRow(meter).unit}.`;
const tokenRates = Object.fromEntries(
  tokenMeters.map(meter => [meter, unitRate.optional().describe(described(meter))]),
) as Record<(typeof tokenMeters)[number], z.ZodOptional<typeof unitRate>>; // true: one entry a meter
const unitRates = Object.fromEntries(
  unitMeters.map(meter => [meter, unitRate.optional().describe(described(meter))]),
) as Record<UnitMeter, z.ZodOptional<typeof unitRate>>; // true: one entry a meter
const tool = z
  .record(
    z.string().refine(name => isToolMeter(`tool.${name}`), { error: 'must be letters and digits, such as webSearch' }),
    unitRate.describe('Calls of the tool of this name that the provider hosts, such as webSearch.'),
  )
  .refine(entries => Object.keys(entries).length <= toolsMax, { error: `must not have more than ${toolsMax} entries` })
  .optional();
const rates = { ...tokenRates, ...unitRates, tool };
const rateMap = z.strictObject(rates);

const tier = z.strictObject({
  measure: z.enum(['inputTotal']).describe('Input tokens of the request, cached ones included.'),
  op: z.enum(['gt', 'gte']).describe('Above `size`, or from it on.'),
  size: whole(0, Number.MAX_SAFE_INTEGER).describe('Behind it the rates of the tier hold for the whole request.'),
  scope: z.enum(['request']).optional().describe('What is measured; the request unless said.'),
  rates: rateMap,
});
const tiers = z.array(tier).max(tiersMax).optional();

/** A part of a price that depends on something: rates of its own, or a factor on those it stands in. */
const cell = {
  rates: rateMap.optional(),
  tiers,
  multiplier: multiplier.optional().describe('On token rates of the enclosing; folded in when published.'),
};
const cells = <Value extends z.ZodType>(value: Value) =>
  z
    .record(
      z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/, { error: 'must be letters, digits, `.`, `_`, `+` or `-`' }),
      value,
    )
    .refine(entries => Object.keys(entries).length <= cellsMax, {
      error: `must not have more than ${cellsMax} entries`,
    })
    .optional();
const serviceTiers = cells(z.strictObject(cell)).describe('By the name that the provider says it served.');
const modes = z
  .strictObject({ batch: z.strictObject({ ...cell, serviceTiers }).optional() })
  .optional()
  .describe('Of batches.');
const regions = cells(z.strictObject({ ...cell, serviceTiers, modes })).describe(
  'By the region that the provider says processed the request.',
);
const rowParts = { ...rates, tiers, serviceTiers, modes, regions };
const row = z.strictObject({
  ...rowParts,
  from: instant.optional().describe('When this row begins; until then what was there holds. At once unless said.'),
});
const rows = z
  .record(z.string().max(200), row)
  .refine(entries => Object.keys(entries).length <= rowsMax, { error: `must not have more than ${rowsMax} entries` });
const laterRows = z
  .record(z.string().max(200), z.strictObject(rowParts))
  .refine(entries => Object.keys(entries).length <= rowsMax, { error: `must not have more than ${rowsMax} entries` });
const scheduled = z
  .array(z.strictObject({ from: instant.describe('When these rows begin.'), rates: laterRows }))
  .max(scheduledMax)
  .optional()
  .describe('Changes to come, to be read as a whole: naming it, if only as [], replaces what was scheduled.');

const currency = z
  .string()
  .refine(isCurrency, { error: 'must be an ISO 4217 code in use, such as USD' })
  .describe('ISO 4217.');
const from = instant.optional().describe('When the rows without a `from` of their own begin; at once unless said.');
const book = { currency, rates: rows, from, scheduled };
const sell = z.strictObject({
  ...book,
  rates: rows.optional().describe('May be left out where `markup` says them all.'),
  markup: multiplier.optional().describe('What `rates` does not name is sold at the buy price times this.'),
});
const contract = z.strictObject({
  rates: rows
    .optional()
    .describe('What the organisation pays instead of list prices, in the currency of the sell book.'),
  discount: discount.optional().describe('Taken off the list price of what `rates` does not name.'),
  from,
  scheduled,
});

export const pricesSchema = z.strictObject({
  sell: sell.optional(),
  buy: z.strictObject(book).optional(),
  contracts: z
    .record(z.string().max(64), contract)
    .refine(entries => Object.keys(entries).length <= rowsMax, { error: `must not have more than ${rowsMax} entries` })
    .optional()
    .describe('By organisation: prices that it agreed on, which win over list prices.'),
});

export type DeclaredPrices = z.output<typeof pricesSchema>;
export type DeclaredRow = z.output<typeof row>;
export type DeclaredRows = Readonly<Record<string, DeclaredRow>>;
export type DeclaredRates = z.output<typeof rateMap>;

/** What is known but not built, by its value: a reason, or undefined. */
export function priceValueNotAvailable(value: unknown): string | undefined {
  if (value === 'periodGraduated' || value === 'periodVolume') {
    return 'what depends on the sum of a month is said beside its amount, as `graduated` or `volume`, and of meters that usage events tell';
  }
  return undefined;
}

/** `tool.webSearch: …` is the entry `webSearch` of `tool`, however it is written. Anything may come in, and what is no
 *  price stays as it is. */
export function gatherTools(prices: unknown): unknown {
  if (Array.isArray(prices)) return prices.map(gatherTools);
  if (typeof prices !== 'object' || prices === null) return prices;
  const gathered: Record<string, unknown> = {};
  let tools: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(prices)) {
    if (key.startsWith('tool.')) tools = { ...tools, [key.slice('tool.'.length)]: value };
    else gathered[key] = gatherTools(value);
  }
  if (tools === undefined) return gathered;
  const nested = gathered['tool'];
  return { ...gathered, tool: typeof nested === 'object' && nested !== null ? { ...nested, ...tools } : tools };
}
