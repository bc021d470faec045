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
      { title: 'window', cell: ({ measure, windows }) => windowOf(measure, windows[0]) },
      { title: 'used', right: true, cell: ({ measure, windows }) => usedOf(measure, windows[0]) },
      { title: 'set aside', right: true, cell: ({ windows }) => String(windows[0]?.setAside ?? 0) },
      { title: 'refused', right: true, cell: ({ windows }) => sum(windows, 'refused') },
      { title: 'would refuse', right: true, cell: ({ windows }) => sum(windows, 'wouldHaveRefused') },
      { title: 'then', cell: limit => (limit.shadow ? 'only counts' : (limit.onExhausted ?? 'refuses')) },
    ],
    'No limits. Declare `limits` on organisations, projects, keys, routes, providers or deployments.',
  );
}

/** A minute or a day, UTC. */
function windowOf(measure: string, window: Window | undefined): string {
  if (window === undefined) return '';
  return measure.endsWith('PerMinute') ? `${window.from.slice(0, 16)}Z` : window.from.slice(0, 10);
}

/** Of requests at once nothing is used up: how many there were today says that the limit is in use. */
function usedOf(measure: string, window: Window | undefined): string {
  const used = String(window?.used ?? 0);
  return measure === 'concurrency' ? `${used} begun` : used;
}

function sum(windows: readonly Window[], field: 'refused' | 'wouldHaveRefused'): string {
  return String(windows.reduce((total, window) => total + window[field], 0));
}
