import type { Constraints } from './constraints.ts';
import { invalid, refusedByTheModel } from './errors.ts';
import { choiceMembers, isObject, type Json, listOf, memberOf, toolMembers } from './wire.ts';

/** Tools and the choice among them. Throws Refusal, or leaves what is broken to `constraints`. */
export function checkTools(toolConfig: unknown, constraints: Constraints): void {
  if (!isObject(toolConfig)) return;
  if (!constraints.present('toolConfig.tools', toolConfig['tools'])) return;
  constraints.length('toolConfig.tools', toolConfig['tools'], [1, Number.MAX_SAFE_INTEGER]);
  const names = new Set<string>();
  for (const [position, tool] of listOf(toolConfig['tools']).entries()) {
    if (!isObject(tool) || memberOf(tool, toolMembers) === undefined) {
      throw invalid(
        `The Tool object at toolConfig.tools.${position} must set one of the following keys: ${toolMembers.join(', ')}.`,
      );
    }
    const path = `toolConfig.tools.${position + 1}.member`;
    checkCachePoint(constraints, `${path}.cachePoint`, tool['cachePoint']);
    if (isObject(tool['toolSpec'])) checkSpec(constraints, path, position, tool['toolSpec'], names);
  }
  checkChoice(toolConfig['toolChoice'], names, constraints);
}

function checkSpec(constraints: Constraints, path: string, position: number, spec: Json, names: Set<string>): void {
  const at = `toolConfig.tools.${position}.toolSpec`;
  if (constraints.present(`${path}.toolSpec.name`, spec['name'])) {
    checkToolName(constraints, `${path}.toolSpec.name`, spec['name']);
    const name = String(spec['name']);
    if (names.has(name)) throw refusedByTheModel('tools: Tool names must be unique.');
    names.add(name);
  }
  constraints.length(`${path}.toolSpec.description`, spec['description'], [1, Number.MAX_SAFE_INTEGER]);
  if (!constraints.present(`${path}.toolSpec.inputSchema`, spec['inputSchema'])) return;
  const schema = isObject(spec['inputSchema']) ? spec['inputSchema']['json'] : undefined;
  if (!isObject(schema)) {
    throw invalid(
      `The json schema definition at ${at}.inputSchema is invalid. Fix the following errors and try again: $: is missing but it is required`,
    );
  }
  if (schema['type'] !== 'object') {
    throw invalid(`The value at ${at}.inputSchema.json.type must be one of the following: object.`);
  }
  if (spec['strict'] === true) checkClosed(schema);
}

function checkChoice(choice: unknown, names: ReadonlySet<string>, constraints: Constraints): void {
  if (choice === undefined || choice === null) return;
  const chosen = isObject(choice) ? memberOf(choice, choiceMembers) : undefined;
  if (!isObject(choice) || chosen === undefined) {
    throw invalid(
      `The ToolChoice object at toolConfig.toolChoice must set one of the following keys: ${choiceMembers.join(', ')}.`,
    );
  }
  const named = isObject(choice['tool']) ? choice['tool']['name'] : undefined;
  if (chosen !== 'tool' || !constraints.present('toolConfig.toolChoice.tool.name', named)) return;
  if (names.has(String(named))) return;
  throw refusedByTheModel(`Tool '${String(named)}' not found in provided tools`);
}

/** The form of a text answer: its schema comes as text. */
export function checkTextFormat(format: unknown, constraints: Constraints): void {
  if (!isObject(format)) return;
  const path = 'outputConfig.textFormat';
  if (constraints.present(`${path}.type`, format['type']))
    constraints.oneOf(`${path}.type`, format['type'], ['json_schema']);
  const structure = isObject(format['structure']) ? format['structure']['jsonSchema'] : undefined;
  if (!constraints.present(`${path}.structure`, structure) || !isObject(structure)) return;
  if (!constraints.present(`${path}.structure.jsonSchema.schema`, structure['schema'])) return;
  const schema = parseSchema(structure['schema']);
  if (schema === undefined)
    throw invalid(`The value at ${path}.structure.jsonSchema.schema is not a JSON schema as text.`);
  checkClosed(schema);
}

export function parseSchema(text: unknown): Json | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const schema: unknown = JSON.parse(text);
    return isObject(schema) ? schema : undefined;
  } catch {
    return undefined;
  }
}

const depthMax = 32;

/** Where a schema binds, every object of it is closed. */
function checkClosed(schema: unknown, depth = 0): void {
  if (!isObject(schema) || depth > depthMax) return;
  if (schema['type'] === 'object' && schema['additionalProperties'] !== false) {
    throw refusedByTheModel("For 'object' type, 'additionalProperties' must be explicitly set to false");
  }
  const named = [schema['properties'], schema['$defs']].flatMap(members =>
    isObject(members) ? Object.values(members) : [],
  );
  for (const child of [...named, schema['items'], ...listOf(schema['anyOf'])]) checkClosed(child, depth + 1);
}

export function checkToolName(constraints: Constraints, path: string, name: unknown): void {
  constraints.pattern(path, name, '[a-zA-Z0-9_-]+');
  constraints.length(path, name, [1, 64]);
}

export function checkCachePoint(constraints: Constraints, path: string, point: unknown): void {
  if (!isObject(point)) return;
  if (constraints.present(`${path}.type`, point['type'])) constraints.oneOf(`${path}.type`, point['type'], ['default']);
  constraints.oneOf(`${path}.ttl`, point['ttl'], ['5m', '1h']);
}
