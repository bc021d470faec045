/** How values are shown. Money is decimal text with all its digits: it is cut for display, never computed with. */

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compactNumber = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** Counts come as numbers, or as text beyond 2⁵³−1. */
export function countOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value !== '' ? Number(value) : 0;
}

export function count(value: unknown): string {
  return grouped.format(countOf(value));
}

export function compact(value: unknown): string {
  const number = countOf(value);
  return number < 10_000 ? grouped.format(number) : compactNumber.format(number);
}

/** `12.3400000…` as `$12.34`; small amounts keep three digits that say something. */
export function money(amount: unknown, currency: string | null | undefined): string {
  if (typeof amount !== 'string') return '–';
  const [whole = '0', fraction = ''] = amount.replace('-', '').split('.');
  const sign = amount.startsWith('-') ? '−' : '';
  const symbol = currency === 'USD' ? '$' : currency === 'EUR' ? '€' : currency === 'GBP' ? '£' : '';
  const behind = symbol === '' && currency ? ` ${currency}` : '';
  const units = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  const firstDigit = fraction.search(/[1-9]/);
  const digits = whole === '0' && firstDigit >= 2 ? Math.min(fraction.length, firstDigit + 3) : 2;
  const shown = fraction.slice(0, digits).padEnd(2, '0');
  return `${sign}${symbol}${units}.${shown}${behind}`;
}

export function duration(ms: unknown): string {
  if (typeof ms !== 'number') return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

const dayTime = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});
const dayOnly = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', year: 'numeric' });

export function time(at: string | null | undefined): string {
  return at === null || at === undefined ? '–' : dayTime.format(new Date(at));
}

export function day(at: string | null | undefined): string {
  return at === null || at === undefined ? '–' : dayOnly.format(new Date(at));
}

export function ago(at: string, nowMs: number = Date.now()): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${((100 * part) / whole).toFixed(part > 0 && part / whole < 0.001 ? 2 : 1)} %`;
}
