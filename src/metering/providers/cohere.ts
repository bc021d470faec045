import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';
import { CountTally } from './counts.ts';
import type { UsageSemantics } from './semantics.ts';

/** Usage of v2/chat. `tokens` is what the model read and wrote; `billed_units` is fewer, without what the host itself put
 *  into the prompt (https://docs.cohere.com/v2/reference/chat, 2026-11). Tokens are metered, as everywhere; a bill by
 *  units is a true-up. Numbers are typed as floating point there, but are whole. */
export function readCohereUsage(raw: unknown): UsageReport | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return { slices: {}, identityBroken: 'usage is not an object' };
  const fields = new UsageFields();

  const tokens = fields.nested(raw, 'tokens');
  const billed = fields.nested(raw, 'billed_units');
  const input = fields.requiredCount(tokens, 'input_tokens');
  const output = fields.requiredCount(tokens, 'output_tokens');
  const cached = fields.count(raw, 'cached_tokens');
  fields.requireWithin('cached_tokens', cached ?? 0, 'input_tokens', input);
  const billedInput = fields.count(billed, 'input_tokens') ?? 0;
  const billedOutput = fields.count(billed, 'output_tokens') ?? 0;
  fields.requireWithin('billed_units.input_tokens', billedInput, 'tokens.input_tokens', input);
  fields.requireWithin('billed_units.output_tokens', billedOutput, 'tokens.output_tokens', output);
  const counts = new CountTally();
  const searches = fields.count(billed, 'search_units');
  if (searches !== 0) counts.add('tool.search', searches, fields);

  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };
  return {
    slices: {
      inputUncached: input - (cached ?? 0),
      ...(cached === undefined ? undefined : { cacheRead: cached }),
      output,
    },
    ...counts.part,
  };
}

export const cohereUsage: UsageSemantics = {
  provider: 'cohere',
  input: '`tokens.input_tokens` includes `cached_tokens`; `billed_units` is fewer and not metered',
  output: '`tokens.output_tokens`',
  identities: ['cached_tokens ≤ tokens.input_tokens', 'billed_units ≤ tokens'],
  beside: 'search units',
  source: 'https://docs.cohere.com/v2/reference/chat, 2026-11',
  read: readCohereUsage,
};
