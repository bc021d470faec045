import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  lost,
  optionalString,
  read,
  readFilledString,
  readRecord,
  readStrings,
  refused,
} from '../wire-values.ts';
import { readMessage, readRepeated } from './proto-json.ts';
import { jsonSchemaOf } from './schema.ts';

/** What becomes of every documented field (@google/genai 3.1, types.ts, 2026-11). Tools that Google runs itself have a price
 *  and an account of their own; other APIs have others for it. */
const toolFields = new FieldRules({
  functionDeclarations: read,
  codeExecution: refused(),
  computerUse: refused(),
  enterpriseWebSearch: refused(),
  exaAiSearch: refused(),
  fileSearch: refused(),
  googleMaps: refused(),
  googleSearch: refused(),
  googleSearchRetrieval: refused(),
  mcpServers: refused(isEmpty),
  parallelAiSearch: refused(),
  retrieval: refused(),
  urlContext: refused(),
});
const declarationFields = new FieldRules({
  name: read,
  description: read,
  parameters: read,
  parametersJsonSchema: read,
  behavior: refused(isOneOf('UNSPECIFIED', 'BLOCKING')),
  response: lost('tool-output-schema-unsupported'),
  responseJsonSchema: lost('tool-output-schema-unsupported'),
});
const configFields = new FieldRules({
  functionCallingConfig: read,
  retrievalConfig: refused(isEmpty),
  includeServerSideToolInvocations: refused(isOneOf(false)),
});
const callingFields = new FieldRules({
  mode: read,
  allowedFunctionNames: read,
  streamFunctionCallArguments: lost('eager-input-streaming-unsupported', isOneOf(false)),
});

export function decodeTools(value: unknown, isValidated: boolean, losses: LossLedger): readonly ToolDefinition[] {
  return readRepeated(value).flatMap((entry, index) => {
    const path = `tools.${index}`;
    const tool = readMessage(entry, path);
    toolFields.check(tool, path, losses);
    return readRepeated(tool['functionDeclarations']).map((declaration, at) =>
      decodeDeclaration(declaration, `${path}.functionDeclarations.${at}`, isValidated, losses),
    );
  });
}

function decodeDeclaration(value: unknown, path: string, isValidated: boolean, losses: LossLedger): ToolDefinition {
  const wire = readMessage(value, path);
  declarationFields.check(wire, path, losses);
  return {
    name: readFilledString(wire['name'], `${path}.name`),
    description: optionalString(wire['description'], `${path}.description`),
    parameters: decodeParameters(wire['parameters'], wire['parametersJsonSchema'], path),
    strict: isValidated ? true : undefined,
  };
}

function decodeParameters(schema: unknown, jsonSchema: unknown, path: string): unknown {
  if (jsonSchema !== undefined && jsonSchema !== null) {
    if (schema === undefined || schema === null) return readRecord(jsonSchema, `${path}.parametersJsonSchema`);
    const message = `${path} must have either parameters or parametersJsonSchema, not both.`;
    throw new Fault('parameter_invalid', message, { parameter: path });
  }
  if (schema === undefined || schema === null) return undefined;
  const at = `${path}.parameters`;
  return jsonSchemaOf(readRecord(schema, at), at);
}

export interface DecodedChoice {
  readonly choice: ToolChoice | undefined;
  /** Calls are held to the schemas of their tools. */
  readonly isValidated: boolean;
}

export function decodeToolChoice(value: unknown, losses: LossLedger): DecodedChoice {
  const none: DecodedChoice = { choice: undefined, isValidated: false };
  if (value === undefined || value === null) return none;
  const config = readMessage(value, 'toolConfig');
  configFields.check(config, 'toolConfig', losses);
  const path = 'toolConfig.functionCallingConfig';
  if (config['functionCallingConfig'] === undefined || config['functionCallingConfig'] === null) return none;
  const wire = readMessage(config['functionCallingConfig'], path);
  callingFields.check(wire, path, losses);
  const names = readStrings(readRepeated(wire['allowedFunctionNames']), `${path}.allowedFunctionNames`);
  const mode = optionalString(wire['mode'], `${path}.mode`) ?? 'MODE_UNSPECIFIED';
  switch (mode.toUpperCase()) {
    case 'MODE_UNSPECIFIED':
      return names.length === 0 ? none : { choice: chosen('auto', names), isValidated: false };
    case 'AUTO':
      return { choice: chosen('auto', names), isValidated: false };
    case 'VALIDATED':
      return { choice: chosen('auto', names), isValidated: true };
    case 'ANY':
      return { choice: chosen('any', names), isValidated: false };
    case 'NONE':
      return { choice: { type: 'none' }, isValidated: false };
  }
  throw new Fault('parameter_invalid', `${path}.mode is not a mode of this API.`, { parameter: `${path}.mode` });
}

function chosen(mode: 'auto' | 'any', names: readonly string[]): ToolChoice {
  const [only] = names;
  if (only === undefined) return { type: mode };
  return names.length === 1 && mode === 'any' ? { type: 'tool', name: only } : { type: 'allowed', mode, names };
}
