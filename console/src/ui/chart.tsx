import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

const colours = ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6'];

/** Values over time on a canvas: it stays smooth with many. What it shows stands beside it as text for who cannot see it. */
export function TimeChart({
  label,
  timesMs,
  lines,
  format,
  height = 220,
}: {
  readonly label: string;
  readonly timesMs: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly height?: number;
}) {
  const place = useRef<HTMLDivElement>(null);
  const key = JSON.stringify([timesMs.length, timesMs[0], lines]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says when what is shown is another
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let chart: uPlot | undefined;
    const draw = () => {
      chart?.destroy();
      chart = new uPlot(
        options({ lines, format, width: element.clientWidth, height }),
        [timesMs.map(ms => ms / 1_000), ...lines.map(line => line.values as (number | null)[])],
        element,
      );
    };
    draw();
    const sized = new ResizeObserver(() => chart?.setSize({ width: element.clientWidth, height }));
    sized.observe(element);
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      sized.disconnect();
      themed.disconnect();
      chart?.destroy();
    };
  }, [key, height]);
  return (
    <figure aria-label={label} className="m-0">
      <div ref={place} aria-hidden="true" />
      <figcaption className="flex flex-wrap gap-x-4 gap-y-1 px-1 pt-2 text-[12px] text-ink-2">
        {lines.map((line, index) => (
          <span key={line.label} className="inline-flex items-center gap-1.5">
            <i className={`inline-block size-2.5 rounded-sm ${swatches[index % swatches.length]}`} />
            {line.label}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

const swatches = ['bg-c1', 'bg-c2', 'bg-c3', 'bg-c4', 'bg-c5', 'bg-c6'];

const dayTick = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const hourTick = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false });

/** `step`: seconds between two. */
function tickOf(ms: number, step: number): string {
  return step >= 86_400 || new Date(ms).getHours() === 0 ? dayTick.format(ms) : hourTick.format(ms);
}

function options({
  lines,
  format,
  width,
  height,
}: {
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly width: number;
  readonly height: number;
}): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour('--ink-3'), font: '11px ui-sans-serif, system-ui, sans-serif', ticks: { show: false } };
  const grid = { stroke: colour('--line'), width: 1 };
  return {
    width,
    height,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    cursor: { points: { size: 6 }, y: false },
    scales: { y: { range: (_chart, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_chart, ticks, _axis, _space, step) => ticks.map(at => tickOf(at * 1_000, step)),
      },
      { ...axis, grid, size: 56, values: (_chart, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...lines.map((line, index) => ({
        label: line.label,
        stroke: colour(colours[index % colours.length]!),
        fill: lines.length === 1 ? `${colour(colours[0]!)}1f` : undefined,
        width: 1.75,
        points: { show: false },
      })),
    ] as uPlot.Series[],
  };
}
