import { Fault } from '../completion/fault.ts';
import { coveredHours, type UsageGrain, type UsagePeriod } from '../ledger/usage-sums.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Without `from`, so many days are told. */
const daysDefault = 30;
/** Usage of the year 1999 is a mistake in writing. */
const earliestMs = Date.UTC(2000, 0, 1);
const latestMs = Date.UTC(2200, 0, 1);
/** Longest period by grain, in days: about 2,400, 1,100 and 1,200 pieces. */
const daysMax: Readonly<Record<UsageGrain, number>> = { hour: 100, day: 1_100, month: 36_525, total: 36_525 };

/** What was asked for and what is told: usage is kept by hour, so the hours that the period touches. */
export interface ReportPeriod extends UsagePeriod {
  readonly askedFrom: Date;
  readonly askedTo: Date;
}

/** Half open. Throws Fault('report_invalid'). */
export function readPeriod({
  from,
  to,
  grain,
  nowMs,
}: {
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly grain: UsageGrain;
  readonly nowMs: number;
}): ReportPeriod {
  const askedTo = to ?? new Date(nowMs);
  const askedFrom = from ?? new Date(askedTo.getTime() - daysDefault * dayMs);
  if (!(askedFrom < askedTo)) throw new Fault('report_invalid', '`from` must lie before `to`.', { parameter: 'from' });
  if (askedFrom.getTime() < earliestMs || askedTo.getTime() > latestMs) {
    throw new Fault('report_invalid', '`from` and `to` must lie between the years 2000 and 2200.', {
      parameter: 'from',
    });
  }
  const covered = coveredHours({ from: askedFrom, to: askedTo });
  if (covered.toMs - covered.fromMs > daysMax[grain] * dayMs) {
    throw new Fault('report_too_large', `A report by ${grain} covers at most ${daysMax[grain]} days.`, {
      parameter: 'from',
    });
  }
  return { ...covered, askedFrom, askedTo };
}

/** As answers say it; `asked` only where the hours are more than what was asked for. */
export function coverage(period: ReportPeriod): {
  readonly from: string;
  readonly to: string;
  readonly asked?: { readonly from: string; readonly to: string };
} {
  const { askedFrom, askedTo, fromMs, toMs } = period;
  const isWhole = askedFrom.getTime() === fromMs && askedTo.getTime() === toMs;
  return {
    ...textOf(period),
    ...(isWhole ? {} : { asked: { from: askedFrom.toISOString(), to: askedTo.toISOString() } }),
  };
}

export function textOf({ fromMs, toMs }: UsagePeriod): { readonly from: string; readonly to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

/** The period to compare with: whole months are compared with as many months before, anything else with the same length
 *  of time before. */
export function periodBefore({ fromMs, toMs }: UsagePeriod): UsagePeriod {
  const from = new Date(fromMs);
  const to = new Date(toMs);
  if (!startsMonth(from) || !startsMonth(to)) return { fromMs: fromMs - (toMs - fromMs), toMs: fromMs };
  const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
  return { fromMs: Date.UTC(from.getUTCFullYear(), from.getUTCMonth() - months, 1), toMs: fromMs };
}

function startsMonth(at: Date): boolean {
  return at.getUTCDate() === 1 && at.getTime() % dayMs === 0;
}

/** How a piece of time is named: `2026-11`, `2026-11-20`, `2026-11-20T09:00Z`; null for a total. */
export function nameOfPiece(grain: UsageGrain, at: Date | null): string | null {
  if (at === null) return null;
  const text = at.toISOString();
  if (grain === 'month') return text.slice(0, 7);
  return grain === 'day' ? text.slice(0, 10) : `${text.slice(0, 16)}Z`;
}
