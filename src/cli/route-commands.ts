import type { Command } from 'commander';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Server } from './server.ts';
import { type ExplanationAnswer, formatExplanation, money } from './show-explanation.ts';
import { stepwise } from './stepwise.ts';
import type { Surroundings } from './surroundings.ts';
import { formatTable } from './table.ts';

interface Sums {
  readonly costNano: string;
  readonly costKnown: number;
  readonly durationMs: number;
  readonly durationKnown: number;
}

interface SimulationAnswer {
  readonly total: number;
  readonly examined: number;
  readonly moved: number;
  readonly unserved: number;
  readonly unreadable: number;
  readonly deployments: readonly { readonly deployment: string; readonly before: number; readonly after: number }[];
  readonly before: Sums;
  readonly after: Sums;
  readonly currency: string;
  readonly assumptions: readonly string[];
  readonly next?: string;
}

/** `carrier routes explain|simulate`. `leaf` makes a command with --json. */
export function addRoutes(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
  server: () => Server,
): void {
  const { out } = surroundings;
  const routes = program.command('routes').description('Routes: why requests went where they went').exitOverride();

  leaf(routes, 'explain <exchange>', 'Why an exchange went where it went, in plain words').action(
    async (exchange: string, options) => {
      const answer = (await server().get(`/api/v1/decisions/${encodeURIComponent(exchange)}`)) as ExplanationAnswer;
      out.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : formatExplanation(answer, out.isTerminal));
    },
  );

  leaf(routes, 'simulate <route>', 'Decide recorded requests again under a changed route; changes nothing')
    .option('--last <time>', 'such as 24h, 30m or 7d, to now', '24h')
    .option('--from <instant>', 'instead of --last')
    .option('--to <instant>', 'with --from; now unless said')
    .requiredOption(
      '--with <change...>',
      'policy=cheapest, costMax=0.01 (or none), weight.<deployment>=3, priority.<deployment>=1, add=<deployment>, remove=<deployment>; or a file, such as change.yaml, whose routes: says what the route would be',
    )
    .action(async (route: string, options) => {
      const change = readAsked(options.with, surroundings);
      const from = options.from ?? new Date(Date.now() - readSpanMs(options.last)).toISOString();
      const to = options.to ?? new Date().toISOString();
      let sum: SimulationAnswer | undefined;
      await stepwise(surroundings, async after => {
        const page = (await server().post('/api/v1/route-simulations', {
          route,
          from,
          to,
          ...change,
          after,
        })) as SimulationAnswer;
        sum = sum === undefined ? page : addUp(sum, page);
        return { next: page.next, progress: `${sum.examined} of ${sum.total} requests` };
      });
      const { next: _next, ...result } = sum!; // stepwise takes one step at least.
      out.write(
        options.json
          ? `${JSON.stringify({ route, from, to, ...change, ...result }, null, 2)}\n`
          : show(result, out.isTerminal),
      );
    });
}

/** Changes one by one, or a file that says all of them. */
function readAsked(parts: readonly string[], { readText }: Surroundings): { change: Change } | { file: string } {
  const path = parts.find(part => part === '-' || /\.(?:ya?ml|json)$/.test(part));
  if (path === undefined) return { change: readChange(parts) };
  if (parts.length > 1) throw usage('--with takes either one file or changes such as policy=cheapest, not both');
  return { file: readText(path) };
}

interface Change {
  policy?: string;
  costMax?: string | null;
  candidates: Record<string, { weight?: number; priority?: number } | null>;
}

function readChange(parts: readonly string[]): Change {
  const change: Change = { candidates: {} };
  for (const part of parts) {
    const [, key, value] = /^([^=]+)=(.+)$/.exec(part) ?? [];
    if (key === undefined || value === undefined) throw usage(`--with ${part}: must be key=value, or a file *.yaml`);
    const [, field, deployment] = /^(weight|priority)\.(.+)$/.exec(key) ?? [];
    if (key === 'policy') change.policy = value;
    else if (key === 'costMax') change.costMax = value === 'none' ? null : value;
    else if (key === 'remove') change.candidates[value] = null;
    else if (key === 'add') change.candidates[value] = { ...change.candidates[value] };
    else if (field !== undefined && deployment !== undefined) {
      if (!/^\d{1,7}$/.test(value)) throw usage(`--with ${part}: must be a whole number`);
      change.candidates[deployment] = { ...change.candidates[deployment], [field]: Number(value) };
    } else
      throw usage(
        `--with ${part}: no such change; policy, costMax, weight.<deployment>, priority.<deployment>, add, remove`,
      );
  }
  return change;
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function readSpanMs(text: string): number {
  const [, amount, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) throw usage('--last must be such as 30m, 24h or 7d');
  return Number(amount) * unitMs[unit]!;
}

function addUp(sum: SimulationAnswer, page: SimulationAnswer): SimulationAnswer {
  const shares = new Map(sum.deployments.map(share => [share.deployment, share]));
  for (const { deployment, before, after } of page.deployments) {
    const known = shares.get(deployment);
    shares.set(deployment, { deployment, before: before + (known?.before ?? 0), after: after + (known?.after ?? 0) });
  }
  return {
    ...page,
    examined: sum.examined + page.examined,
    moved: sum.moved + page.moved,
    unserved: sum.unserved + page.unserved,
    unreadable: sum.unreadable + page.unreadable,
    deployments: [...shares.values()].sort((left, right) => (left.deployment < right.deployment ? -1 : 1)),
    before: addSums(sum.before, page.before),
    after: addSums(sum.after, page.after),
  };
}

function addSums(one: Sums, other: Sums): Sums {
  return {
    costNano: (BigInt(one.costNano) + BigInt(other.costNano)).toString(),
    costKnown: one.costKnown + other.costKnown,
    durationMs: one.durationMs + other.durationMs,
    durationKnown: one.durationKnown + other.durationKnown,
  };
}

function show(result: Omit<SimulationAnswer, 'next'>, isTerminal: boolean): string {
  const { examined, moved, unserved, unreadable, before, after, currency } = result;
  if (examined === 0)
    return `No decision of this route is kept in the period${unreadable > 0 ? ` that this release reads (${unreadable} of another)` : ''}.\n`;
  const part = (count: number) => `${((count * 100) / examined).toFixed(1)} %`;
  const shares = formatTable(
    result.deployments,
    [
      { title: 'deployment', cell: share => share.deployment },
      { title: 'before', right: true, cell: share => part(share.before) },
      { title: 'after', right: true, cell: share => part(share.after) },
      { title: 'change', right: true, cell: share => signed(((share.after - share.before) * 100) / examined, ' pp') },
    ],
    { isTerminal, empty: 'nobody' },
  );
  const lines = [
    `Of ${examined} requests ${moved} (${part(moved)}) would have been sent elsewhere first.`,
    unserved === 0 ? 'Every one could have been served.' : `${unserved} could have been served by NOBODY.`,
    ...(unreadable === 0 ? [] : [`${unreadable} are of another release and were left out.`]),
    '',
    shares.trimEnd(),
    '',
    `Expected cost  ${money(BigInt(before.costNano))} → ${money(BigInt(after.costNano))} ${currency}${relative(Number(before.costNano), Number(after.costNano))}${known(before.costKnown, after.costKnown, result)}`,
    `Expected time  ${meanMs(before)} → ${meanMs(after)} a request${known(before.durationKnown, after.durationKnown, result)}`,
    '',
    ...result.assumptions.map(assumption => `· ${assumption}`),
  ];
  return `${lines.join('\n')}\n`;
}

function known(
  before: number,
  after: number,
  { examined, unserved }: Pick<SimulationAnswer, 'examined' | 'unserved'>,
): string {
  return before === examined && after === examined - unserved ? '' : ` (known of ${before} and of ${after})`;
}

function meanMs({ durationMs, durationKnown }: Sums): string {
  return durationKnown === 0 ? 'not known' : `${Math.round(durationMs / durationKnown)} ms`;
}

function relative(before: number, after: number): string {
  return before === 0 ? '' : ` (${signed(((after - before) * 100) / before, ' %')})`;
}

function signed(value: number, unit: string): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(1)}${unit}`;
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}
