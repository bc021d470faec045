import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Carrier } from './start-carrier.ts';
import { until } from './until.ts';

/** What /metrics counts, by name and labels as they are written there. */
export async function readMetrics(carrier: Carrier): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${carrier.url}/metrics`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}: ${text}`);
  const counted = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at !== -1 && !line.startsWith('#')) counted.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return counted;
}

/** Of all label values together. */
export function sumOf(metrics: ReadonlyMap<string, number>, name: string): number {
  let sum = 0;
  for (const [key, value] of metrics) if (key === name || key.startsWith(`${name}{`)) sum += value;
  return sum;
}

/** Nothing is open, nothing is held, nothing broke, and every exchange that was admitted is in the ledger. Waits for
 *  what is still ending. Returns how many exchanges there were. */
export async function assertAtRest(carrier: Carrier): Promise<number> {
  const open = ['carrier_open_exchanges', 'carrier_holds_open', 'carrier_permits_in_use'];
  let metrics = await readMetrics(carrier);
  const counts = () => open.map(name => sumOf(metrics, name));
  const unshipped = () => sumOf(metrics, 'carrier_exchanges_total') - sumOf(metrics, 'carrier_shipped_exchanges_total');
  await until('nothing is open', async () => {
    metrics = await readMetrics(carrier);
    return [...counts(), unshipped()].every(count => count === 0) ? true : undefined;
  }).catch(error => {
    throw new Error(`${error.message}: ${open.join(', ')} are ${counts()}, and ${unshipped()} are not shipped`);
  });

  assert.equal(sumOf(metrics, 'carrier_worker_restarts_total'), 0);
  const internal = [...metrics.keys()].filter(key => key.includes('"internal"') || key.includes('_failed"'));
  assert.deepEqual(
    internal,
    [],
    carrier.lines
      .filter(line => line.includes('"internal"'))
      .slice(-5)
      .join('\n'),
  );
  assert.deepEqual(
    carrier.lines.filter(line => line.includes('cannot be booked')),
    [],
  );
  const ended = sumOf(metrics, 'carrier_exchanges_total');
  const { json } = await carrier.api('GET', '/api/v1/usage?by=project');
  const requests = json.rows.reduce((sum: number, row: { requests: number }) => sum + Number(row.requests), 0);
  assert.equal(requests, ended);
  return ended;
}

/** Resident memory of a process at this moment, and the most it ever had. */
export function memoryOf(processId: number): { readonly nowBytes: number; readonly peakBytes: number } {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { nowBytes: read('VmRSS'), peakBytes: read('VmHWM') };
}
