import { Fault } from '../../completion/fault.ts';
import type { WireRecord } from '../wire-values.ts';
import { readRecord, unsupported } from '../wire-values.ts';

/** The one member of a union, which the dialect's blocks, sources and choices are. */
export interface UnionMember {
  readonly name: string;
  readonly value: unknown;
  readonly path: string;
  /** Of the union itself. */
  readonly at: string;
}

/** null says nothing. Throws Fault for none, for two, and by name for one that is not among `known`. */
export function readMember(value: unknown, path: string, known: ReadonlySet<string>): UnionMember {
  const record: WireRecord = readRecord(value, path);
  const names = Object.keys(record).filter(name => record[name] !== undefined && record[name] !== null);
  const unknown = names.find(name => !known.has(name));
  if (unknown !== undefined) {
    const shown = unknown.slice(0, 40);
    throw unsupported(`${path}.${shown}`, `${shown} cannot be carried to another dialect.`);
  }
  const [name] = names;
  if (name === undefined || names.length > 1) {
    const rule = name === undefined ? 'has no member' : 'has more than one member';
    throw new Fault('parameter_invalid', `${path} ${rule}; it takes one of ${[...known].join(', ')}.`, {
      parameter: path,
    });
  }
  return { name, value: record[name], path: `${path}.${name}`, at: path };
}
