import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { CompletionRequest, DialectName, ToolDefinition } from '../../completion/request.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { lowerSchema } from './schema.ts';
import { SchemaWork } from './schema-node.ts';

/** The schemas of arguments. Where the provider is to hold the model to one, it must be of the part of JSON Schema that it
 *  takes; otherwise any will do that is one object. */
export function lowerToolSchemas(
  tools: CompletionRequest['tools'],
  profile: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest['tools'] {
  if (tools.every(tool => tool.custom !== undefined || isPlain(tool, profile))) return tools;
  return tools.map((tool, index) => {
    if (tool.custom !== undefined || isPlain(tool, profile)) return tool;
    const path = schemaPath(client, index);
    return tool.strict === true
      ? lowerStrict(tool, profile, path, losses)
      : withObjectRoot(tool, profile, path, losses);
  });
}

/** Where a client's dialect has the schema of a tool; as in chat completions unless said. */
const schemaFields: Readonly<Partial<Record<DialectName, string>>> = {
  'anthropic-messages': 'input_schema',
  'openai-responses': 'parameters',
};

function schemaPath(client: DialectName, index: number): string {
  if (client === 'bedrock-converse') return `toolConfig.tools.${index}.toolSpec.inputSchema.json`;
  return `tools.${index}.${schemaFields[client] ?? 'function.parameters'}`;
}

/** Most tools are: nothing is asked of the schema, and it is an object. */
function isPlain({ strict, parameters }: ToolDefinition, profile: DialectProfile): boolean {
  if (strict === true) return false;
  if (parameters === undefined) return true;
  return isRecord(parameters) && parameters['type'] === 'object' && !hasUnion(parameters, profile);
}

function lowerStrict(tool: ToolDefinition, profile: DialectProfile, path: string, losses: LossLedger): ToolDefinition {
  const schema = isWithoutArguments(tool.parameters) ? noArguments : tool.parameters;
  const subset = profile.strictTools === false ? undefined : profile.strictSchema;
  const lowered = subset && lowerSchema(schema, { ...subset, objectOnly: true }, path);
  if (lowered === undefined) {
    losses.dropped('tool-strict-unsupported', path);
    return withObjectRoot({ ...tool, strict: undefined }, profile, path, losses);
  }
  for (const loss of lowered.losses) losses.declare(loss);
  return { ...tool, parameters: lowered.schema };
}

/** A tool whose schema names no arguments has none. */
function isWithoutArguments(schema: unknown): boolean {
  if (!isRecord(schema)) return schema === undefined;
  const { type = 'object', properties = {}, description: _, ...rest } = schema;
  return type === 'object' && isRecord(properties) && Object.keys({ ...properties, ...rest }).length === 0;
}

const noArguments = { type: 'object', properties: {}, additionalProperties: false };

/** Arguments are an object always; alternatives of one become an object that may be any of them. */
function withObjectRoot(
  tool: ToolDefinition,
  profile: DialectProfile,
  path: string,
  losses: LossLedger,
): ToolDefinition {
  const { parameters } = tool;
  if (!isRecord(parameters)) return tool;
  const root = parameters['type'] === undefined ? { type: 'object', ...parameters } : parameters;
  if (!hasUnion(root, profile)) return root === parameters ? tool : { ...tool, parameters: root };
  losses.approximated('tool-schema-root-changed', path);
  return { ...tool, parameters: mergeUnions(root, new SchemaWork(path)) };
}

const unionKeywords = ['anyOf', 'oneOf', 'allOf'] as const;

function hasUnion(schema: WireRecord, profile: DialectProfile): boolean {
  return !profile.toolSchemaUnions && unionKeywords.some(keyword => schema[keyword] !== undefined);
}

/** All properties of all parts; required is what every alternative requires, and what any joint part does. */
function mergeUnions(schema: WireRecord, work: SchemaWork): WireRecord {
  const { anyOf, oneOf, allOf, ...rest } = schema;
  const properties = new Map<string, unknown>(entriesOf(rest['properties']));
  let required = namesOf(rest['required']);
  for (const parts of [anyOf, oneOf]) {
    if (!Array.isArray(parts)) continue;
    let inEvery: Set<string> | undefined;
    for (const part of parts) {
      addProperties(properties, part, work);
      const names = isRecord(part) ? namesOf(part['required']) : new Set<string>();
      inEvery = inEvery === undefined ? names : new Set([...inEvery].filter(name => names.has(name)));
    }
    required = new Set([...required, ...(inEvery ?? [])]);
  }
  for (const part of Array.isArray(allOf) ? allOf : []) {
    addProperties(properties, part, work);
    if (!isRecord(part)) continue;
    const names = namesOf(part['required']);
    work.spend(required.size + names.size);
    required = new Set([...required, ...names]);
  }
  const known = [...required].filter(name => properties.has(name));
  return {
    ...rest,
    properties: Object.fromEntries(properties),
    ...(known.length === 0 ? { required: undefined } : { required: known }),
  };
}

/** A property that two parts define may be either. */
function addProperties(properties: Map<string, unknown>, part: unknown, work: SchemaWork): void {
  work.spend(1);
  if (!isRecord(part)) return;
  for (const [name, schema] of entriesOf(part['properties'])) {
    work.spend(1);
    const had = properties.get(name);
    if (had === undefined) properties.set(name, schema);
    else if (JSON.stringify(had) !== JSON.stringify(schema)) properties.set(name, either(had, schema));
  }
}

function either(one: unknown, other: unknown): unknown {
  const made = isRecord(one) && Array.isArray(one['anyOf']) && Object.keys(one).length === 1;
  return { anyOf: [...(made ? (one['anyOf'] as unknown[]) : [one]), other] };
}

function entriesOf(value: unknown): readonly [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

function namesOf(value: unknown): Set<string> {
  return new Set(Array.isArray(value) ? value.filter(name => typeof name === 'string') : []);
}
