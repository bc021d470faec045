import { invalid, unknownField } from './errors.ts';
import { type CohereRequest, isObject, type Json, listOf } from './wire.ts';

const namePattern = /^[a-zA-Z0-9_-]+$/;

/** Refuses tools that the API refuses. Throws Refusal. */
export function validateTools(request: CohereRequest): void {
  const { tools } = request;
  if (tools !== undefined && !Array.isArray(tools)) throw invalid('tools must be a list.');
  const names = new Set<string>();
  for (const [position, tool] of listOf(tools).entries()) {
    checkTool(`tools[${position}]`, tool, names, request['strict_tools'] === true);
  }
  if (request['tool_choice'] === 'REQUIRED' && names.size === 0) {
    throw invalid('tool_choice REQUIRED needs the tools parameter.');
  }
}

function checkTool(at: string, tool: unknown, names: Set<string>, strict: boolean): void {
  if (!isObject(tool)) throw invalid(`${at} must be an object.`);
  if (tool['type'] !== 'function') throw invalid(`${at}.type must be function.`);
  const inner = tool['function'];
  if (!isObject(inner)) throw invalid(`${at}.function is required.`);
  for (const name of Object.keys(inner)) {
    if (name !== 'name' && name !== 'description' && name !== 'parameters') throw unknownField(name);
  }
  const { name } = inner;
  if (typeof name !== 'string' || !namePattern.test(name)) {
    throw invalid(`${at}.function.name is required, of letters, digits, hyphens and underscores.`);
  }
  if (names.has(name)) throw invalid(`${at}.function.name ${name} is not unique.`);
  names.add(name);
  const { parameters } = inner;
  if (!isObject(parameters)) throw invalid(`${at}.function.parameters is required, a JSON schema.`);
  if (parameters['type'] !== 'object') throw invalid(`${at}.function.parameters must be of type object.`);
  if (strict) checkStrict(at, parameters);
}

/** https://docs.cohere.com/docs/structured-outputs#structured-outputs-tools (2026-11): every tool has something required. */
function checkStrict(at: string, parameters: Json): void {
  if (listOf(parameters['required']).length > 0) return;
  throw invalid(`${at}.function.parameters must have at least one required parameter when strict_tools is true.`);
}
