import { isRecord, type WireRecord } from '../wire-values.ts';
import type { SchemaDefinitions } from './schema-definitions.ts';
import { Inexpressible, type SchemaWork } from './schema-node.ts';

/** Objects that must be several things at once are one thing with all their properties: closed objects could not be two.
 *  One part alone is itself. */
export function mergeAllOf(schema: WireRecord, definitions: SchemaDefinitions, work: SchemaWork): WireRecord {
  const parts = schema['allOf'];
  if (parts === undefined) return schema;
  if (!Array.isArray(parts) || parts.length === 0) throw new Inexpressible();
  const { allOf: _, ...own } = schema;
  let merged: WireRecord = own;
  for (const part of parts) merged = joined(merged, resolvedPart(part, definitions, work), work);
  return merged;
}

/** A part may itself consist of parts; a schema that is part of itself has no end. */
function resolvedPart(part: unknown, definitions: SchemaDefinitions, work: SchemaWork, depth = 0): WireRecord {
  const resolved = definitions.resolved(part);
  if (!isRecord(resolved) || depth > partDepthMax) throw new Inexpressible();
  const { allOf, ...own } = resolved;
  if (allOf === undefined) return own;
  if (!Array.isArray(allOf) || allOf.length !== 1) throw new Inexpressible();
  return joined(own, resolvedPart(allOf[0], definitions, work, depth + 1), work);
}

const partDepthMax = 16;

function joined(one: WireRecord, other: WireRecord, work: SchemaWork): WireRecord {
  work.spend(Object.keys(one).length + Object.keys(other).length);
  const result: Record<string, unknown> = { ...one };
  for (const [keyword, value] of Object.entries(other)) {
    const had = result[keyword];
    if (had === undefined) result[keyword] = value;
    else if (keyword === 'properties') result[keyword] = together(had, value, work);
    else if (keyword === 'required') result[keyword] = union(listOf(had), listOf(value), work);
    else if (keyword === 'description' || keyword === 'title') continue;
    else if (!isSame(had, value, work)) throw new Inexpressible();
  }
  return result;
}

/** One property with two definitions would have to be both. */
function together(one: unknown, other: unknown, work: SchemaWork): WireRecord {
  if (!isRecord(one) || !isRecord(other)) throw new Inexpressible();
  work.spend(Object.keys(one).length + Object.keys(other).length);
  for (const name of Object.keys(other)) {
    if (Object.hasOwn(one, name) && !isSame(one[name], other[name], work)) throw new Inexpressible();
  }
  return { ...one, ...other };
}

function union(one: readonly unknown[], other: readonly unknown[], work: SchemaWork): readonly unknown[] {
  work.spend(one.length + other.length);
  return [...new Set([...one, ...other])];
}

/** Written out, which costs about a step for each letter of a keyword. */
function isSame(one: unknown, other: unknown, work: SchemaWork): boolean {
  const text = JSON.stringify(one);
  work.spend(Math.ceil(text.length / 8));
  return text === JSON.stringify(other);
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Inexpressible();
}
