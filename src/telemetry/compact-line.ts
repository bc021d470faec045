import type { ExchangeLine, RefusalLine } from './exchange-line.ts';
import type { LogFields } from './log.ts';

const dim = (text: string) => `\x1b[2m${text}\x1b[22m`;
const red = (text: string) => `\x1b[31m${text}\x1b[39m`;
const yellow = (text: string) => `\x1b[33m${text}\x1b[39m`;
const green = (text: string) => `\x1b[32m${text}\x1b[39m`;

/** `12:00:01 200 openai/gpt-5 → gpt-5-us  12 in 34 out  0.00042 USD  180 ms  ex_…` */
export function compactExchange(line: ExchangeLine): string {
  const parts = [`${clockTime()} ${paintStatus(line.status)} ${printable(line.requestedModel)}`];
  if (line.deployment !== undefined)
    parts.push(`→ ${line.deployment}${line.attempts > 1 ? ` (${line.attempts} attempts)` : ''}`);
  if (line.outcome !== 'ok') parts.push(yellow(line.outcome));
  if (line.inputTokens !== undefined) parts.push(` ${line.inputTokens} in ${line.outputTokens ?? 0} out`);
  if (line.sell !== undefined) parts.push(` ${line.sell} ${line.currency ?? ''}`);
  parts.push(` ${Math.round(line.durationMs)} ms `, dim(line.exchange));
  return parts.join(' ');
}

export function compactRefusal(line: RefusalLine): string {
  return `${clockTime()} ${paintStatus(line.status)} ${printable(line.path)} ${yellow(line.outcome)} ${dim(line.exchange)}`;
}

export function compactMessage(level: string, role: string, message: string, fields: LogFields = {}): string {
  const paint = level === 'error' ? red : level === 'warn' ? yellow : (text: string) => text;
  const details = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => dim(`${name}=${printable(String(value))}`));
  return [clockTime(), dim(role), paint(printable(message)), ...details].join(' ');
}

function clockTime(): string {
  return dim(new Date().toISOString().slice(11, 19));
}

function paintStatus(status: number): string {
  if (status < 400) return green(String(status));
  return status < 500 ? yellow(String(status)) : red(String(status));
}

/** A client chooses model names and paths: they must not move the cursor of the operator's terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a1-\ud7ff\uf900-\ufffd]/g, '?').slice(0, 300);
}
