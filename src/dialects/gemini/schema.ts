import { SchemaWork } from '../lower/schema-node.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { fieldsOf, plainNumber } from './proto-json.ts';

/** A `Schema` of the API, which is a part of OpenAPI 3.0 with types in capitals, as the JSON Schema that says the same
 *  (https://ai.google.dev/api/caching#Schema, 2026-11). Fields that are not of the API stay as they are. Throws
 *  Fault('schema_too_complex'). */
export function jsonSchemaOf(schema: unknown, path: string): unknown {
  return converted(schema, new SchemaWork(path));
}

function converted(value: unknown, work: SchemaWork): unknown {
  if (!isRecord(value)) return value;
  work.spend(1);
  const schema = fieldsOf(value);
  const { nullable, type, example, propertyOrdering: _, ...rest } = schema;
  const made: Record<string, unknown> = {};
  const name = typeName(type);
  if (name !== undefined) made['type'] = nullable === true && typeof name === 'string' ? [name, 'null'] : name;
  for (const keyword of Object.keys(rest)) {
    const inner = rest[keyword];
    if (inner === null) continue;
    if (keyword === 'properties') made[keyword] = propertiesOf(inner, work);
    else if (keyword === 'items') made[keyword] = converted(inner, work);
    else if (keyword === 'anyOf' && Array.isArray(inner)) made[keyword] = inner.map(one => converted(one, work));
    else if (keyword === 'enum' && nullable === true && Array.isArray(inner)) made[keyword] = [...inner, null];
    else made[keyword] = counts.has(keyword) ? plainNumber(inner) : inner;
  }
  if (example !== undefined && example !== null) made['examples'] = [example];
  // Without a type of its own there is nothing that null could stand beside.
  const alternatives = made['anyOf'];
  if (nullable === true && name === undefined && Array.isArray(alternatives)) {
    made['anyOf'] = [...alternatives, { type: 'null' }];
  }
  return made;
}

/** Names of properties are the client's own. */
function propertiesOf(value: unknown, work: SchemaWork): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.keys(value).map(name => [name, converted((value as WireRecord)[name], work)]));
}

/** What is no text is the provider's to refuse. */
function typeName(type: unknown): unknown {
  if (typeof type !== 'string') return type ?? undefined;
  return type === 'TYPE_UNSPECIFIED' ? undefined : type.toLowerCase();
}

/** 64-bit numbers are texts in JSON of protocol buffers. */
const counts: ReadonlySet<string> = new Set([
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'minLength',
  'maxLength',
]);
