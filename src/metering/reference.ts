import { usageSemantics } from './providers/registry.ts';

/** docs/reference/readings.md: how each provider's usage is read. */
export function readingsPage(): string {
  const rows = usageSemantics.map(
    ({ provider, input, output, identities, beside, source }) =>
      `| ${provider} | ${input} | ${output} | ${identities.join('; ')} | ${beside} | ${linked(source)} |`,
  );
  return `${[
    '# Readings',
    '',
    'How usage that providers report becomes disjoint slices, and which sums have to hold. A report that breaks one is',
    'quarantined with the identity and both numbers; nothing is guessed from it. `0` is a value, absent and `null` are not',
    'said; a number that is no whole number from 0 to 2⁵³−1 breaks the report. Generated from `src/metering/providers/`;',
    'every row has fixtures in `src/metering/fixtures/`.',
    '',
    '| provider | input | output | identities | beside tokens | source |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    'Slices: `inputUncached`, `cacheRead`, `cacheWrite5m`, `cacheWrite1h`, `inputAudio`, `inputImage`, `inputVideo`, `output`,',
    '`reasoning`, `outputAudio`, `outputImage`. No token is in two of them. Without a rate of its own `reasoning` is charged as',
    '`output`, `inputImage` and `inputVideo` as `input`; any other slice without a rate quarantines.',
    '',
    'Counts are named as the meters of the price book: `audioSecond`, `tool.webSearch` and other `tool.…`. A count without a',
    'rate quarantines, so a tool that a provider adds is never free by accident. What a provider does not bill is not counted:',
    'fetches at Anthropic, calls of one’s own MCP servers at xAI.',
    '',
    'A region and a speed that change the price choose the rates: `inference_geo` as the region, `speed` as a service tier',
    '(`fast`, `priority+fast`), Vertex’ `trafficType` as `standard`, `priority`, `flex` or `provisioned`.',
    '',
    'What a provider says an answer cost (`cost_in_usd_ticks`, `cost`) is kept beside our own rating, shown with the',
    'difference by `carrier exchanges show`, and booked to `cogs:price_variance` by `carrier usage-events true-up`. It never',
    'replaces the rating.',
    '',
    'Estimates carry the id of their rule: `bytes-per-token/1:<family>` for what no provider reported, `orphan/2:…` for an',
    'exchange whose process died. A rule never changes its meaning; another one has another number.',
  ].join('\n')}\n`;
}

function linked(source: string): string {
  const at = source.lastIndexOf(', ');
  return `[${source.slice(at + 2)}](${source.slice(0, at)})`;
}
