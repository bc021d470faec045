import type { Sampling } from '../completion/request.ts';
import { optionalCount, optionalInteger, optionalNumber, readStrings, type WireRecord } from './wire-values.ts';

/** How a dialect spells its sampling controls, each with its field. */
export type SamplingFields = readonly (readonly [control: keyof Sampling, field: string])[];

/** What was said of sampling; absent stays absent rather than becoming a key with undefined. */
export function readSampling(wire: WireRecord, fields: SamplingFields): Sampling {
  const said: { -readonly [Control in keyof Sampling]: Sampling[Control] } = {};
  for (const [control, field] of fields) {
    if (wire[field] === undefined) continue;
    const value = (readers[control] ?? optionalNumber)(wire[field], field);
    if (value !== undefined) said[control] = value;
  }
  return said;
}

const readers: Readonly<Partial<Record<keyof Sampling, typeof optionalNumber>>> = {
  topK: optionalCount,
  seed: optionalInteger,
};

export function readStops(value: unknown, path: string): readonly string[] {
  return value === undefined || value === null ? [] : readStrings(value, path);
}
