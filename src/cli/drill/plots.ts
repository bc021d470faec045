import type { DrillReport, Slice } from './drill-report.ts';
import { type ProviderName, providerNames } from './plan.ts';

/** Five plots over one axis of time, as one SVG that needs nothing else. Lines differ by dash as well as by colour, and
 *  colours follow the reader's light or dark setting. */

const width = 960;
const left = 64;
const right = 72;
const plotWidth = width - left - right;
const headHeight = 44;
const plotHeight = 104;
const gap = 40;
const stripHeight = 14;

interface Scale {
  readonly most: number;
  readonly ticks: readonly number[];
  readonly label: (value: number) => string;
  /** 0 at the bottom, 1 at the top. */
  readonly part: (value: number) => number;
}

interface Line {
  readonly className: string;
  readonly label: string;
  readonly value: (slice: Slice) => number | undefined;
}

interface Plot {
  readonly title: string;
  readonly scale: Scale;
  readonly lines: readonly Line[];
}

export function drawDrill(report: DrillReport): string {
  const { slices, seconds, failed, asked } = report;
  const inflowMost = Math.max(1, ...slices.flatMap(({ inflow }) => Object.values(inflow)));
  const answeredMost = Math.max(1, ...slices.map(slice => perSecond(slice.answered + slice.failed, report)));
  const slowestMs = Math.max(10, ...slices.map(({ durationMs }) => durationMs?.p99 ?? 0));
  const plots: readonly Plot[] = [
    {
      title: 'Answers a second, and failures that clients saw',
      scale: linear(answeredMost, value => String(value)),
      lines: [
        { className: 'well', label: 'answered', value: slice => perSecond(slice.answered, report) },
        { className: 'ill', label: 'failed', value: slice => perSecond(slice.failed, report) },
      ],
    },
    {
      title: 'Time of a whole answer, ms (logarithmic)',
      scale: logarithmic(slowestMs),
      lines: [
        { className: 'p99', label: 'p99', value: ({ durationMs }) => durationMs?.p99 },
        { className: 'p50', label: 'median', value: ({ durationMs }) => durationMs?.p50 },
      ],
    },
    {
      title: 'Requests that arrive at each provider, a second',
      scale: linear(inflowMost, value => String(value)),
      lines: providerNames.map(name => providerLine(name, ({ inflow }) => inflow[name])),
    },
    {
      title: 'Share of the answers, %',
      scale: linear(100, value => String(value)),
      lines: providerNames.map(name => providerLine(name, slice => shareOf(slice, name))),
    },
  ];
  const stripsTop = headHeight + plots.length * (plotHeight + gap);
  const bottom = stripsTop + providerNames.length * (stripHeight + 6);
  const height = bottom + 72;
  const summary = `${asked} requests in ${seconds} s, ${failed} failed. Shaded bands are the phases of the outage.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="drill-title drill-desc">`,
    '<title id="drill-title">Outage drill</title>',
    `<desc id="drill-desc">${escapeMarkup(summary)}</desc>`,
    `<style>${styles}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...phaseBands(report, bottom),
    ...plots.flatMap((plot, index) => drawPlot(plot, report, headHeight + index * (plotHeight + gap))),
    ...stateStrips(report, stripsTop),
    ...timeAxis(seconds, bottom),
    ...stateLegend(slices, bottom + 60),
    '</svg>',
  ].join('\n');
}

function providerLine(name: ProviderName, value: Line['value']): Line {
  return { className: name, label: name.toUpperCase(), value };
}

function perSecond(count: number, { sliceMs }: DrillReport): number {
  return (count * 1_000) / sliceMs;
}

function shareOf({ answeredBy }: Slice, name: ProviderName): number | undefined {
  const sum = providerNames.reduce((total, each) => total + answeredBy[each], 0);
  return sum === 0 ? undefined : (answeredBy[name] * 100) / sum;
}

function x(atMs: number, seconds: number): number {
  return left + (atMs / (seconds * 1_000)) * plotWidth;
}

function phaseBands({ phases, seconds }: DrillReport, bottom: number): string[] {
  return phases.flatMap(({ title, fromMs, toMs }, index) => {
    const from = x(fromMs, seconds);
    const bandWidth = x(toMs, seconds) - from;
    const words = escapeMarkup(title.replace('A ', 'A\u00a0').replace(': status ', ': '));
    return [
      `<rect class="band${index % 2}" x="${round(from)}" y="${headHeight - 10}" width="${round(bandWidth)}" height="${bottom - headHeight + 10}"/>`,
      `<text class="phase" x="${round(from + bandWidth / 2)}" y="${headHeight - 18}" text-anchor="middle">${words}</text>`,
    ];
  });
}

function drawPlot({ title, scale, lines }: Plot, { slices, seconds, sliceMs }: DrillReport, top: number): string[] {
  const base = top + gap / 2 + plotHeight;
  const y = (value: number) => base - scale.part(value) * plotHeight;
  const labels = spread(
    lines.map(({ label, className, value }) => {
      const last = slices.findLast(slice => value(slice) !== undefined);
      return { label, className, y: y(last === undefined ? 0 : value(last)!) };
    }),
  );
  return [
    `<text class="title" x="${left}" y="${top + gap / 2 - 8}">${escapeMarkup(title)}</text>`,
    ...scale.ticks.flatMap(tick => [
      `<line class="grid" x1="${left}" x2="${left + plotWidth}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>`,
      `<text class="tick" x="${left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${scale.label(tick)}</text>`,
    ]),
    ...lines.map(({ className, label, value }) => {
      const points = slices.flatMap(slice => {
        const at = value(slice);
        return at === undefined ? [] : [`${round(x(slice.fromMs + sliceMs / 2, seconds))},${round(y(at))}`];
      });
      return `<polyline class="line ${className}" points="${points.join(' ')}"><title>${escapeMarkup(label)}</title></polyline>`;
    }),
    ...labels.map(
      label =>
        `<text class="end ${label.className}-text" x="${left + plotWidth + 5}" y="${round(label.y + 4)}">${escapeMarkup(label.label)}</text>`,
    ),
  ];
}

/** Labels of lines that end at one place are told apart. */
function spread<Label extends { readonly y: number }>(labels: readonly Label[]): readonly Label[] {
  let before = Number.NEGATIVE_INFINITY;
  return labels
    .toSorted((one, other) => one.y - other.y)
    .map(label => {
      before = Math.max(label.y, before + 13);
      return { ...label, y: before };
    });
}

const stateWords: Readonly<Record<string, string>> = {
  idle: 'nothing known',
  well: 'well',
  open: 'open: asked last',
  misconfigured: 'misconfigured',
  probing: 'being probed',
  cooling: 'left alone: it asked for it',
  saturated: 'saturated',
  recovering: 'share rises',
};

/** How each provider was, as a strip of states; a state that lasts is named in it. */
function stateStrips({ slices, seconds, sliceMs }: DrillReport, top: number): string[] {
  return providerNames.flatMap((name, row) => {
    const y = top + row * (stripHeight + 6);
    const runs: { state: string; fromMs: number; toMs: number }[] = [];
    for (const slice of slices) {
      const state = slice.states[name];
      const last = runs.at(-1);
      if (last?.state === state) last.toMs = slice.fromMs + sliceMs;
      else runs.push({ state, fromMs: slice.fromMs, toMs: slice.fromMs + sliceMs });
    }
    return [
      `<text class="tick" x="${left - 8}" y="${y + stripHeight - 3}" text-anchor="end">${name.toUpperCase()} is</text>`,
      ...runs.flatMap(({ state, fromMs, toMs }) => {
        const from = x(fromMs, seconds);
        const runWidth = Math.min(x(toMs, seconds), left + plotWidth) - from;
        const words = stateWords[state] ?? state;
        return [
          `<rect class="state ${escapeMarkup(state)}" x="${round(from)}" y="${y}" width="${round(runWidth)}" height="${stripHeight}"><title>${escapeMarkup(words)}</title></rect>`,
          ...(runWidth < words.length * 7
            ? []
            : [`<text class="run" x="${round(from + 5)}" y="${y + stripHeight - 3}">${escapeMarkup(words)}</text>`]),
        ];
      }),
    ];
  });
}

/** The states that occur: those that last are named in their strip, the others are found by colour. */
function stateLegend(slices: readonly Slice[], y: number): string[] {
  const seen = new Set(slices.flatMap(({ states }) => Object.values(states)));
  let at = left;
  return Object.entries(stateWords).flatMap(([state, words]) => {
    if (!seen.has(state)) return [];
    const from = at;
    at += 34 + words.length * 6.2;
    return [
      `<rect class="state ${state}" x="${round(from)}" y="${y - 10}" width="12" height="12"/>`,
      `<text class="tick" x="${round(from + 17)}" y="${y}">${escapeMarkup(words)}</text>`,
    ];
  });
}

function timeAxis(seconds: number, bottom: number): string[] {
  const step = niceStep(seconds / 8);
  const ticks = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
  return [
    ...ticks.map(
      tick =>
        `<text class="tick" x="${round(x(tick * 1_000, seconds))}" y="${bottom + 16}" text-anchor="middle">${tick}</text>`,
    ),
    `<text class="tick" x="${left + plotWidth / 2}" y="${bottom + 34}" text-anchor="middle">seconds since the drill began</text>`,
  ];
}

function linear(highest: number, label: Scale['label']): Scale {
  const step = niceStep(highest / 4);
  const most = Math.ceil(highest / step) * step;
  const ticks = Array.from({ length: Math.round(most / step) + 1 }, (_, index) => round(index * step));
  return { most, ticks, label, part: value => value / most };
}

function logarithmic(highest: number): Scale {
  const decades = Math.ceil(Math.log10(highest));
  const ticks = Array.from({ length: decades }, (_, index) => 10 ** (index + 1));
  const part = (value: number) => Math.max(0, (Math.log10(Math.max(10, value)) - 1) / Math.max(1, decades - 1));
  return { most: 10 ** decades, ticks, label: value => value.toLocaleString('en'), part };
}

/** 1, 2 or 5 times a power of ten, not below. */
function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(raw, 1e-9)));
  const factor = [1, 2, 5, 10].find(each => each * power >= raw - 1e-12)!;
  return Math.max(1, factor * power);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Colours that people with colour blindness tell apart (Okabe and Ito), on light and on dark. */
const styles = `
  text { font: 12px system-ui, sans-serif; fill: #333; }
  .paper { fill: #fff; } .band0 { fill: #f3f4f6; } .band1 { fill: #e7eaf0; }
  .title { font-weight: 600; } .phase { font-weight: 600; font-size: 11px; } .tick { fill: #555; font-size: 11px; } .end { font-weight: 600; font-size: 11px; }
  .grid { stroke: #c9ced6; stroke-width: 0.7; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .a { stroke: #b34700; } .a-text { fill: #b34700; } .b { stroke: #0072b2; stroke-dasharray: 7 3; } .b-text { fill: #0072b2; }
  .c { stroke: #00795a; stroke-dasharray: 2 3; } .c-text { fill: #00795a; }
  .well { stroke: #00795a; } .well-text { fill: #00795a; } .ill { stroke: #c1121f; stroke-dasharray: 5 2; } .ill-text { fill: #c1121f; }
  .p50 { stroke: #0072b2; } .p50-text { fill: #0072b2; } .p99 { stroke: #8a3ffc; stroke-dasharray: 6 3; } .p99-text { fill: #8a3ffc; }
  rect.state { stroke: none; } .state { fill: #b9b9e8; } .state.cooling { fill: #f2c879; } .state.probing { fill: #c9a8e6; } .state.recovering { fill: #d8e8a4; } .state.well { fill: #8fd0b8; } .state.open, .state.misconfigured { fill: #f0a39b; } .state.idle { fill: #d5d9e0; } .run { font-size: 10px; fill: #222; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e3e6ea; } .paper { fill: #14171c; } .band0 { fill: #1b1f26; } .band1 { fill: #232831; } .tick { fill: #aab2bd; } .grid { stroke: #3a414c; }
    .a { stroke: #ff9a52; } .a-text { fill: #ff9a52; } .b { stroke: #6cbcf0; } .b-text { fill: #6cbcf0; } .c { stroke: #4fd1a5; } .c-text { fill: #4fd1a5; }
    .well { stroke: #4fd1a5; } .well-text { fill: #4fd1a5; } .ill { stroke: #ff7b7b; } .ill-text { fill: #ff7b7b; }
    .p50 { stroke: #6cbcf0; } .p50-text { fill: #6cbcf0; } .p99 { stroke: #c4a1ff; } .p99-text { fill: #c4a1ff; }
    .state { fill: #4a4a8a; } .state.cooling { fill: #84591a; } .state.probing { fill: #5f3d85; } .state.recovering { fill: #5a6b24; } .state.well { fill: #1f6b53; } .state.open, .state.misconfigured { fill: #8c2f28; } .state.idle { fill: #39414d; } .run { fill: #f2f2f2; }
  }
`;
