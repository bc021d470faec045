import type { LimitAnswer } from './answers.ts';
import type { TableOf } from './listings.ts';

type Window = LimitAnswer['windows'][number];

/** Refusals are added up over the windows that are shown: one minute alone says little. */
export function showLimits(items: readonly LimitAnswer[], table: TableOf): string {
  return table(
    items,
    [
      { title: 'of', cell: limit => `${limit.scope} ${limit.subject}` },
      { title: 'for', cell: ({ model, provider, route }) => [model, provider, route].filter(Boolean).join(', ') },
      { title: 'measure', cell: limit => limit.measure },
      { title: 'limit', right: true, cell: limit => String(limit.limit) },
      { title: 'window', cell: ({ windows }) => windows[0]?.from ?? '' },
      { title: 'used', right: true, cell: ({ windows }) => String(windows[0]?.used ?? 0) },
      { title: 'set aside', right: true, cell: ({ windows }) => String(windows[0]?.setAside ?? 0) },
      { title: 'refused', right: true, cell: ({ windows }) => sum(windows, 'refused') },
      { title: 'would refuse', right: true, cell: ({ windows }) => sum(windows, 'wouldHaveRefused') },
      { title: 'then', cell: limit => (limit.shadow ? 'only counts' : (limit.onExhausted ?? 'refuses')) },
    ],
    'No limits. Declare `limits` on organisations, projects, keys, routes, providers or deployments.',
  );
}

function sum(windows: readonly Window[], field: 'refused' | 'wouldHaveRefused'): string {
  return String(windows.reduce((total, window) => total + window[field], 0));
}
