import type { LossLedger } from '../../completion/loss.ts';
import type { CacheMark, ToolChoice, ToolDefinition } from '../../completion/request.ts';
import {
  FieldRules,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
} from '../wire-values.ts';
import { decodeCachePoint } from './cache.ts';
import { readMember } from './union.ts';

const configFields = new FieldRules({ tools: read, toolChoice: read });
const toolKinds = new Set(['toolSpec', 'cachePoint']);
const specFields = new FieldRules({ name: read, description: read, inputSchema: read, strict: read });
const schemaFields = new FieldRules({ json: read });
const choices = new Set(['auto', 'any', 'tool']);
const nothingFields = new FieldRules({});
const namedFields = new FieldRules({ name: read });

export interface DecodedTools {
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice | undefined;
}

export function decodeToolConfig(value: unknown, losses: LossLedger): DecodedTools {
  if (value === undefined || value === null) return { tools: [], toolChoice: undefined };
  const config = readRecord(value, 'toolConfig');
  configFields.check(config, 'toolConfig', losses);
  const tools: ToolDefinition[] = [];
  readList(config['tools'], 'toolConfig.tools').forEach((entry, index) => {
    const member = readMember(entry, `toolConfig.tools.${index}`, toolKinds);
    if (member.name === 'toolSpec') tools.push(decodeSpec(member.value, member.path, losses));
    else markTool(tools, decodeCachePoint(member.value, member.path, losses), member.path, losses);
  });
  return { tools, toolChoice: decodeToolChoice(config['toolChoice'], losses) };
}

function markTool(tools: ToolDefinition[], cache: CacheMark, path: string, losses: LossLedger): void {
  const last = tools.pop();
  if (last === undefined) losses.dropped('cache-mark-unsupported', path);
  else tools.push({ ...last, cache });
}

function decodeSpec(value: unknown, path: string, losses: LossLedger): ToolDefinition {
  const spec = readRecord(value, path);
  specFields.check(spec, path, losses);
  const schema = readRecord(spec['inputSchema'], `${path}.inputSchema`);
  schemaFields.check(schema, `${path}.inputSchema`, losses);
  return {
    name: readFilledString(spec['name'], `${path}.name`),
    description: optionalString(spec['description'], `${path}.description`),
    parameters: readRecord(schema['json'], `${path}.inputSchema.json`),
    strict: optionalFlag(spec['strict'], `${path}.strict`),
  };
}

function decodeToolChoice(value: unknown, losses: LossLedger): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  const { name, value: choice, path } = readMember(value, 'toolConfig.toolChoice', choices);
  const record = readRecord(choice, path);
  if (name === 'tool') {
    namedFields.check(record, path, losses);
    return { type: 'tool', name: readFilledString(record['name'], `${path}.name`) };
  }
  nothingFields.check(record, path, losses);
  return { type: name === 'any' ? 'any' : 'auto' };
}
