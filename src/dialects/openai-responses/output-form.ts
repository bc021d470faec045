import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat } from '../../completion/request.ts';
import { FieldRules, optionalFlag, optionalString, read, readFilledString, readRecord } from '../wire-values.ts';

/** `text`, both ways: the form of the answer and how long it should be (openai-node 7.55, responses.ts, 2026-11). */

const textFields = new FieldRules({ format: read, verbosity: read });
const formatFields = new FieldRules({ type: read, name: read, description: read, schema: read, strict: read });

type TextControls = Pick<CompletionRequest, 'output' | 'verbosity'>;

export function decodeText(value: unknown, losses: LossLedger): TextControls {
  if (value === undefined || value === null) return { output: undefined, verbosity: undefined };
  const text = readRecord(value, 'text');
  textFields.check(text, 'text', losses);
  const verbosity = optionalString(text['verbosity'], 'text.verbosity');
  if (verbosity !== undefined && verbosity !== 'low' && verbosity !== 'medium' && verbosity !== 'high') {
    throw invalid('text.verbosity', 'is one of low, medium, high');
  }
  return { output: decodeFormat(text['format'], losses), verbosity };
}

function decodeFormat(value: unknown, losses: LossLedger): OutputFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const path = 'text.format';
  const format = readRecord(value, path);
  formatFields.check(format, path, losses);
  switch (format['type']) {
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'json-object' };
    case 'json_schema':
      return {
        type: 'json-schema',
        name: readFilledString(format['name'], `${path}.name`),
        description: optionalString(format['description'], `${path}.description`),
        schema: readRecord(format['schema'], `${path}.schema`),
        strict: optionalFlag(format['strict'], `${path}.strict`),
      };
  }
  throw invalid(`${path}.type`, 'is not a form of this API');
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}

/** The API wants a name; a client that gave none gets the same one always, so that the prompt stays the same. */
const nameUnlessSaid = 'answer';

export function encodeText({ output, verbosity }: TextControls): unknown {
  if (output === undefined && verbosity === undefined) return undefined;
  return { format: output === undefined ? undefined : encodeFormat(output), verbosity };
}

function encodeFormat(output: OutputFormat): unknown {
  if (output.type === 'json-object') return { type: 'json_object' };
  const { name = nameUnlessSaid, description, schema, strict } = output;
  return { type: 'json_schema', name, description, schema, strict };
}
