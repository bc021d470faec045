import { formatTable } from '../table.ts';
import type { DrillReport, PhaseReport, Quantiles, Slice } from './drill-report.ts';
import type { Verdict } from './judge.ts';
import { type ProviderName, providerNames } from './plan.ts';
import type { DrillProgress } from './run-drill.ts';

const bars = ' ▁▂▃▄▅▆▇█';
const stateMarks: Readonly<Record<string, string>> = { idle: '·', well: '●', open: '✗', misconfigured: '✗' };
const otherState = '◐';
const verdictMarks = { held: '✓', broken: '✗', 'not-judged': '–' } as const;
const colours: Readonly<Record<string, number>> = { '✓': 32, '✗': 31, '–': 2 };
const labelWidth = 10;

/** What stays on the terminal after a drill. */
export function formatDrill(report: DrillReport, verdicts: readonly Verdict[], isTerminal: boolean): string {
  const { asked, seconds, rate } = report;
  const broken = verdicts.filter(({ outcome }) => outcome === 'broken').length;
  const paint = (mark: string) => (isTerminal ? `\x1b[${colours[mark]}m${mark}\x1b[0m` : mark);
  return [
    `Outage drill: ${asked} requests in ${seconds} s, ${rate} a second, over the emulated providers A, B and C.`,
    '',
    phaseTable(report.phases, isTerminal).trimEnd(),
    '',
    `Every ${report.sliceMs / 1_000} s:`,
    ...timeline(report),
    '',
    ...verdicts.map(({ outcome, claim, found }) => `${paint(verdictMarks[outcome])} ${claim}: ${found}`),
    '',
    ...failuresOf(report),
    broken === 0 ? 'The drill held.' : `The drill FAILED: ${broken} of ${verdicts.length} claims broke.`,
    '',
  ].join('\n');
}

function phaseTable(phases: readonly PhaseReport[], isTerminal: boolean): string {
  const share = (name: ProviderName) => (row: PhaseReport) => {
    const answered = providerNames.reduce((sum, each) => sum + row.answeredBy[each], 0);
    return answered === 0 ? '' : `${Math.round((row.answeredBy[name] * 100) / answered)} %`;
  };
  return formatTable(
    phases,
    [
      { title: 'phase', cell: row => row.title },
      { title: 'requests', right: true, cell: row => String(row.asked) },
      { title: 'answered', right: true, cell: row => successRate(row) },
      { title: 'failed over', right: true, cell: row => String(row.failedOver) },
      { title: 'median', right: true, cell: row => milliseconds(row.durationMs?.p50) },
      { title: 'p99', right: true, cell: row => milliseconds(row.durationMs?.p99) },
      { title: 'added median/p99', right: true, cell: row => (row.name === 'calm' ? '' : added(row.addedMs)) },
      ...providerNames.map(name => ({ title: `by ${name.toUpperCase()}`, right: true, cell: share(name) })),
      { title: 'A was', cell: row => row.statesOfA.join(', ') },
    ],
    { isTerminal, empty: '' },
  );
}

export function successRate({ asked, failed }: Pick<PhaseReport, 'asked' | 'failed'>): string {
  if (asked === 0) return '';
  // Never 100 % where one failed.
  const part = ((asked - failed) * 100) / asked;
  return `${failed === 0 ? '100' : Math.min(99.99, part).toFixed(2)} %`;
}

export function milliseconds(value: number | undefined): string {
  return value === undefined ? '' : `${Math.round(value)} ms`;
}

export function added(addedMs: Quantiles | undefined): string {
  if (addedMs === undefined) return '';
  const signed = (ms: number) => `${Math.round(ms) > 0 ? '+' : ''}${Math.round(ms)}`;
  return `${signed(addedMs.p50)} / ${signed(addedMs.p99)} ms`;
}

/** One column a slice: what arrived at each provider, the slowest answers, and how A was. */
function timeline({ slices, phases, sliceMs }: DrillReport): string[] {
  const inflowMost = Math.max(1, ...slices.flatMap(({ inflow }) => Object.values(inflow)));
  const slowest = Math.max(1, ...slices.map(({ durationMs }) => durationMs?.p99 ?? 0));
  const row = (label: string, cell: (slice: Slice) => string, note: string) =>
    `${label.padEnd(labelWidth)}${slices.map(cell).join('')}  ${note}`;
  return [
    ' '.repeat(labelWidth) + slices.map(slice => phaseLetter(phases, slice.fromMs, sliceMs)).join(''),
    ...providerNames.map(name =>
      row(
        `to ${name.toUpperCase()}`,
        ({ inflow }) => bar(inflow[name] / inflowMost),
        `${Math.round(inflowMost)}/s at the most`,
      ),
    ),
    row('p99', ({ durationMs }) => bar((durationMs?.p99 ?? 0) / slowest), `${Math.round(slowest)} ms at the most`),
    row('failed', ({ failed }) => (failed === 0 ? '·' : failed > 9 ? '+' : String(failed)), 'requests'),
    row(
      'A is',
      ({ states }) => stateMarks[states.a] ?? otherState,
      '● well, ✗ left alone, ◐ on its way, · not seen yet',
    ),
  ];
}

/** The first slice of a phase has a mark, and the phases a legend by their order in the table above. */
function phaseLetter(phases: readonly PhaseReport[], fromMs: number, sliceMs: number): string {
  const index = phases.findIndex(phase => phase.fromMs >= fromMs && phase.fromMs < fromMs + sliceMs);
  return index === -1 ? ' ' : String(index + 1);
}

function bar(part: number): string {
  return part <= 0 ? bars[0]! : bars[Math.min(bars.length - 1, Math.max(1, Math.round(part * (bars.length - 1))))]!;
}

function failuresOf({ failures }: DrillReport): string[] {
  const told = Object.entries(failures).sort(([, one], [, other]) => other - one);
  return told.length === 0 ? [] : [`Clients saw ${told.map(([code, count]) => `${count} × ${code}`).join(', ')}.`, ''];
}

/** One line, written over and over while the drill runs. */
export function formatProgress({ phase, atMs, asked, failed, glimpse }: DrillProgress, seconds: number): string {
  const states = providerNames.map(name => `${name.toUpperCase()} ${glimpse.states[name]}`).join(', ');
  const second = Math.min(seconds, Math.floor(atMs / 1_000));
  return `${String(second).padStart(3)} of ${seconds} s  ${phase.title.padEnd(24)} ${asked} answered, ${failed} failed  ${states}`;
}
