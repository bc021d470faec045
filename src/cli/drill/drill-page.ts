import type { DrillReport, PhaseReport } from './drill-report.ts';
import type { Verdict } from './judge.ts';
import { type ProviderName, providerNames } from './plan.ts';
import { drawDrill, escapeMarkup } from './plots.ts';
import { added, milliseconds, successRate } from './show-drill.ts';

/** A report that needs no other file and no network: the plots, the same figures as a table, and what was judged. */
export function drillPage(report: DrillReport, verdicts: readonly Verdict[]): string {
  const { startedAt, asked, seconds, rate } = report;
  const broken = verdicts.filter(({ outcome }) => outcome === 'broken').length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Outage drill, ${startedAt}</title>
<style>${styles}</style>
</head>
<body>
<main>
<h1>Outage drill</h1>
<p>${escapeMarkup(startedAt)}: ${asked} requests in ${seconds} s, ${rate} a second, over the emulated providers A, B and C. A suffers, B and C are well throughout.</p>
<p class="${broken === 0 ? 'held' : 'broken'}"><strong>${broken === 0 ? 'The drill held.' : `The drill failed: ${broken} of ${verdicts.length} claims broke.`}</strong></p>
<figure>${drawDrill(report)}</figure>
<h2>What was claimed</h2>
<ul class="claims">
${verdicts.map(({ outcome, claim, found }) => `<li class="${outcome}"><span>${verdictWords[outcome]}</span> ${escapeMarkup(claim)}: ${escapeMarkup(found)}</li>`).join('\n')}
</ul>
<h2>By phase</h2>
<div class="wide">${phaseTable(report.phases)}</div>
<p>Times are of whole answers, as the client saw them; <em>added</em> is beyond the first phase. <em>Arrived</em> counts attempts at the provider, those that failed included.</p>
</main>
</body>
</html>
`;
}

const verdictWords = { held: 'held', broken: 'BROKEN', 'not-judged': 'not judged' } as const;

function phaseTable(phases: readonly PhaseReport[]): string {
  const names = (name: ProviderName) => name.toUpperCase();
  const heading = [
    'phase',
    'seconds',
    'requests',
    'answered',
    'failed over',
    'median',
    'p99',
    'added median / p99',
    ...providerNames.map(name => `answered by ${names(name)}`),
    'failed over to B',
    'failed over to C',
    ...providerNames.map(name => `arrived at ${names(name)}`),
    'A was',
  ];
  const rows = phases.map(row => [
    row.title,
    `${row.fromMs / 1_000}–${row.toMs / 1_000}`,
    String(row.asked),
    successRate(row),
    String(row.failedOver),
    milliseconds(row.durationMs?.p50),
    milliseconds(row.durationMs?.p99),
    row.name === 'calm' ? '' : added(row.addedMs),
    ...providerNames.map(name => String(row.answeredBy[name])),
    String(row.inflow.b),
    String(row.inflow.c),
    ...providerNames.map(name => String(row.arrived[name])),
    row.statesOfA.join(', '),
  ]);
  const head = heading.map(title => `<th scope="col">${escapeMarkup(title)}</th>`).join('');
  const body = rows
    .map(
      ([first, ...rest]) =>
        `<tr><th scope="row">${escapeMarkup(first!)}</th>${rest.map(cell => `<td>${escapeMarkup(cell)}</td>`).join('')}</tr>`,
    )
    .join('\n');
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

const styles = `
  :root { color-scheme: light dark; }
  body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #1d2127; background: #fff; }
  main { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
  figure { margin: 1rem 0; } svg { width: 100%; height: auto; }
  .wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.85rem; }
  th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid #c9ced6; white-space: nowrap; vertical-align: bottom; }
  thead th { white-space: normal; } th:first-child, td:last-child { text-align: left; }
  .claims { list-style: none; padding: 0; } .claims span { display: inline-block; min-width: 6.5rem; font-weight: 600; }
  .held span, p.held { color: #006b4f; } .broken span, p.broken { color: #b3151f; }
  @media (prefers-color-scheme: dark) {
    body { color: #e3e6ea; background: #14171c; } th, td { border-color: #3a414c; }
    .held span, p.held { color: #4fd1a5; } .broken span, p.broken { color: #ff7b7b; }
  }
`;
