import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { OutputFormat } from '../../completion/request.ts';
import { FieldRules, optionalFlag, optionalString, read, readFilledString, readRecord } from '../wire-values.ts';

/** `response_format`, both ways (openai-node 7.55, shared.ts, 2026-11). */

const formatFields = new FieldRules({ type: read, json_schema: read });
const schemaFields = new FieldRules({ name: read, description: read, schema: read, strict: read });

export function decodeOutput(value: unknown, losses: LossLedger): OutputFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const format = readRecord(value, 'response_format');
  formatFields.check(format, 'response_format', losses);
  switch (format['type']) {
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'json-object' };
    case 'json_schema':
      return decodeSchema(format['json_schema'], losses);
  }
  throw new Fault('parameter_invalid', 'response_format.type is not a form of this API.', {
    parameter: 'response_format.type',
  });
}

function decodeSchema(value: unknown, losses: LossLedger): OutputFormat {
  const path = 'response_format.json_schema';
  const wire = readRecord(value, path);
  schemaFields.check(wire, path, losses);
  return {
    type: 'json-schema',
    name: readFilledString(wire['name'], `${path}.name`),
    description: optionalString(wire['description'], `${path}.description`),
    schema: readRecord(wire['schema'] ?? {}, `${path}.schema`),
    strict: optionalFlag(wire['strict'], `${path}.strict`),
  };
}

/** The API wants a name; a client that gave none gets the same one always, so that the prompt stays the same. */
const nameUnlessSaid = 'answer';

export function encodeOutput(output: OutputFormat | undefined): unknown {
  if (output === undefined) return undefined;
  if (output.type === 'json-object') return { type: 'json_object' };
  const { name = nameUnlessSaid, description, schema, strict } = output;
  return { type: 'json_schema', json_schema: { name, description, schema, strict } };
}
