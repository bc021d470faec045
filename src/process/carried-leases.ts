import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CarriedLease } from '../ledger/broker-window.ts';

/** What is left of its leases when a supervisor ends and its ledger does not answer: the next one goes on with it, so that a
 *  restart during an outage does not end the service of keys under a hard budget. Only what nobody holds is carried; the
 *  rest is free again once the journal is shipped. It is used once: the file is gone before any of it is. */

const fileName = 'leases.json';
const leasesMax = 100_000;

const atto = z.string().regex(/^\d{1,38}$/);
const fileSchema = z.strictObject({
  generation: z.number(),
  leases: z
    .array(
      z.strictObject({ budget: z.string(), window: z.string(), lease: z.string(), amountAtto: atto, limitAtto: atto }),
    )
    .max(leasesMax),
});

export function writeCarriedLeases(dataPath: string, generation: number, leases: readonly CarriedLease[]): void {
  if (leases.length === 0) return;
  const path = join(dataPath, fileName);
  const rows = leases
    .slice(0, leasesMax)
    .map(each => ({ ...each, amountAtto: each.amountAtto.toString(), limitAtto: each.limitAtto.toString() }));
  writeFileSync(`${path}.new`, `${JSON.stringify({ generation, leases: rows })}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

/** Nothing when the last run was another one than wrote it, or it cannot be read: then it waits for the ledger, as after a
 *  kill. */
export function takeCarriedLeases(dataPath: string, previousGeneration: number | undefined): readonly CarriedLease[] {
  const path = join(dataPath, fileName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  rmSync(path);
  flushDirectory(dataPath);
  const file = fileSchema.safeParse(parseJson(text));
  if (!file.success || file.data.generation !== previousGeneration) return [];
  return file.data.leases.map(each => ({
    ...each,
    amountAtto: BigInt(each.amountAtto),
    limitAtto: BigInt(each.limitAtto),
  }));
}

/** A machine that loses its power must not find the file again. */
function flushDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
