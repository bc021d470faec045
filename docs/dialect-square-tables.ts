import type { DialectName } from '../src/completion/request.ts';
import { dialects } from '../src/dialects/registry.ts';
import {
  codesOf,
  differenceOf,
  type Feature,
  groups,
  isAsked,
  type Outcome,
  outcomeOf,
  readFeatures,
  squareDialects,
} from './dialect-square.ts';
import { table } from './markdown-table.ts';

const builtDialects = squareDialects.filter(name => dialects.has(name));

/** The square of all dialects as a reader looks something up: by pair, by client, by feature. */

const signs: Readonly<Record<Outcome, string>> = { same: '=', carried: '✓', lost: '~', refused: '✗', unsaid: '' };

export function squareSections(features: readonly Feature[] = readFeatures()): readonly string[] {
  return [
    '## All pairs at a glance',
    `${features.length} features, each between all dialects: a row per client, a column per provider. ✓ is carried, ~ is carried ` +
      'with a loss that is declared, ✗ is refused by its name. A pair of one dialect passes bytes. What a client has no word ' +
      'for is not counted. Every sign is a test: the spellings are in [src/dialects/square](../../src/dialects/square/).',
    table(
      ['', ...builtDialects],
      builtDialects.map(client => [
        `[${client}](#clients-of-${client})`,
        ...builtDialects.map(provider => (client === provider ? 'bytes' : counts(features, client, provider))),
      ]),
    ),
    ...builtDialects.map(client => clientSection(features, client)),
    '## What differs, by feature',
    'Losses and refusals by client and provider. Features that are not listed are carried between all dialects.',
    table(
      ['feature', 'outcome', 'client → provider'],
      features.flatMap(feature => differences(feature)),
    ),
  ];
}

function counts(features: readonly Feature[], client: DialectName, provider: DialectName): string {
  const outcomes = features.map(feature => outcomeOf(feature, client, provider));
  return (['carried', 'lost', 'refused'] as const)
    .map(outcome => [outcomes.filter(other => other === outcome).length, signs[outcome]] as const)
    .filter(([count]) => count > 0)
    .map(([count, sign]) => `${count} ${sign}`)
    .join(', ');
}

function clientSection(features: readonly Feature[], client: DialectName): string {
  const others = builtDialects.filter(name => name !== client);
  const rows = groups.flatMap(group => {
    const said = features.filter(
      feature => feature.group === group && others.some(other => outcomeOf(feature, client, other) !== 'unsaid'),
    );
    if (said.length === 0) return [];
    return [
      [`**${group}**`, ...others.map(() => '')],
      ...said.map(feature => [link(feature), ...others.map(other => signs[outcomeOf(feature, client, other)])]),
    ];
  });
  return [`### Clients of ${client}`, table(['', ...others], rows)].join('\n\n');
}

function link({ name, title }: Feature): string {
  return `[${title}](../../src/dialects/square/features/${name}.json)`;
}

/** A row per outcome of a feature, with the pairs that have it: providers that share all their clients stand together. */
function differences(feature: Feature): readonly (readonly string[])[] {
  const outcomes = new Map<string, Map<DialectName, DialectName[]>>();
  for (const client of builtDialects) {
    for (const provider of builtDialects) {
      const outcome = outcomeOf(feature, client, provider);
      if (outcome !== 'lost' && outcome !== 'refused') continue;
      const words = wordsOf(feature, client, provider, outcome);
      const byProvider = outcomes.get(words) ?? new Map<DialectName, DialectName[]>();
      byProvider.set(provider, [...(byProvider.get(provider) ?? []), client]);
      outcomes.set(words, byProvider);
    }
  }
  return [...outcomes].map(([words, byProvider]) => [link(feature), words, pairs(byProvider)]);
}

function wordsOf(feature: Feature, client: DialectName, provider: DialectName, outcome: Outcome): string {
  const refused = isAsked(feature, client) ? differenceOf(feature.asked, client, provider).refused : undefined;
  if (outcome === 'refused') return `✗ \`${refused?.code}\``;
  return codesOf(feature, client, provider)
    .map(code => `~ \`${code}\``)
    .join('<br>');
}

function pairs(byProvider: ReadonlyMap<DialectName, readonly DialectName[]>): string {
  const sides = new Map<string, DialectName[]>();
  for (const [provider, clients] of byProvider) {
    const key = clients.join(', ');
    sides.set(key, [...(sides.get(key) ?? []), provider]);
  }
  return [...sides].map(([clients, providers]) => `${clients} → ${providers.join(', ')}`).join('<br>');
}
