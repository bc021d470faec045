/** What a page looks at: the last hours or days up to now. */
export const periods = ['24h', '7d', '30d', '90d'] as const;
export type Period = (typeof periods)[number];

export const periodNames: Readonly<Record<Period, string>> = {
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  '90d': 'Last 90 days',
};

const hours: Readonly<Record<Period, number>> = { '24h': 24, '7d': 168, '30d': 720, '90d': 2_160 };

export function readPeriod(value: unknown): Period {
  return periods.find(period => period === value) ?? '7d';
}

const hourMs = 3_600_000;

/** Whole hours, and days where hours would be too many to look at. */
export function spanOf(period: Period, nowMs: number = Date.now()) {
  const toMs = Math.ceil(nowMs / hourMs) * hourMs;
  const fromMs = toMs - hours[period] * hourMs;
  const grain: 'hour' | 'day' = period === '24h' || period === '7d' ? 'hour' : 'day';
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), fromMs, toMs, grain };
}

/** The beginnings of its pieces, as reports name them. */
export function piecesOf({ fromMs, toMs, grain }: ReturnType<typeof spanOf>): readonly number[] {
  const stepMs = grain === 'hour' ? hourMs : 24 * hourMs;
  const firstMs = Math.floor(fromMs / stepMs) * stepMs;
  return Array.from({ length: Math.ceil((toMs - firstMs) / stepMs) }, (_, piece) => firstMs + piece * stepMs);
}
