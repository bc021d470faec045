import { invalid } from './errors.ts';
import { rulesOf } from './model-rules.ts';
import { isObject, type Json } from './wire.ts';

const namePattern = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/;
const nameRule =
  'Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.';

/** Refuses declarations and choices of functions that the API refuses. Throws Refusal. */
export function validateTools(request: Json, model: string): void {
  const names = new Set<string>();
  const tools = (request['tools'] ?? []) as readonly Json[];
  for (const [position, tool] of tools.entries()) {
    const declarations = (tool['functionDeclarations'] ?? []) as readonly Json[];
    for (const [index, declaration] of declarations.entries()) {
      checkDeclaration(`GenerateContentRequest.tools[${position}].function_declarations[${index}]`, declaration, names);
    }
  }
  const hosted = tools.some(tool => Object.keys(tool).some(name => name !== 'functionDeclarations'));
  if (names.size > 0 && !rulesOf(model).mixesTools) {
    if (hosted) throw invalid('Tool use with function calling is unsupported');
    const config = isObject(request['generationConfig']) ? request['generationConfig'] : {};
    if (config['responseMimeType'] === 'application/json') {
      throw invalid("Function calling with a response mime type: 'application/json' is unsupported");
    }
  }
  checkConfig(request['toolConfig'], names);
}

function checkDeclaration(at: string, declaration: Json, names: Set<string>): void {
  const name = declaration['name'];
  if (typeof name !== 'string' || !namePattern.test(name)) throw broken(`${at}.name`, nameRule);
  if (names.has(name)) throw invalid(`Duplicate function declaration found: ${name}`);
  names.add(name);
  if (declaration['parameters'] !== undefined && declaration['parametersJsonSchema'] !== undefined) {
    throw broken(at, 'only one of parameters and parameters_json_schema can be set.');
  }
  const { parameters } = declaration;
  if (isObject(parameters)) {
    if (parameters['type'] !== 'OBJECT') throw broken(`${at}.parameters`, 'schema should be of type OBJECT');
    checkSchema(`${at}.parameters`, parameters);
  }
  const json = declaration['parametersJsonSchema'];
  if (json !== undefined && !isObject(json))
    throw broken(`${at}.parameters_json_schema`, 'must be a JSON Schema object');
}

/** The subset of OpenAPI 3.0 that `Schema` is, where types alone do not say it. Throws Refusal. */
export function checkSchema(at: string, schema: Json): void {
  const type = schema['type'];
  if (type === undefined && schema['anyOf'] === undefined) throw broken(`${at}.type`, 'must be specified');
  if (type === 'OBJECT') checkObject(at, schema);
  if (type === 'ARRAY' && schema['items'] === undefined) throw broken(`${at}.items`, 'missing field.');
  if (Array.isArray(schema['enum']) && type !== 'STRING') throw broken(`${at}.enum`, 'only allowed for STRING type');
  for (const [position, value] of ((schema['enum'] ?? []) as readonly unknown[]).entries()) {
    if (value === '') throw broken(`${at}.enum[${position}]`, 'cannot be empty');
  }
  if (type === 'STRING' && typeof schema['format'] === 'string' && !['enum', 'date-time'].includes(schema['format'])) {
    throw broken(`${at}.format`, "only 'enum' and 'date-time' are supported for STRING type");
  }
  for (const [name, child] of Object.entries(isObject(schema['properties']) ? schema['properties'] : {})) {
    checkSchema(`${at}.properties[${name}]`, child as Json);
  }
  if (isObject(schema['items'])) checkSchema(`${at}.items`, schema['items']);
  for (const [position, child] of ((schema['anyOf'] ?? []) as readonly Json[]).entries()) {
    checkSchema(`${at}.any_of[${position}]`, child);
  }
}

function checkObject(at: string, schema: Json): void {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  if (Object.keys(properties).length === 0) throw broken(`${at}.properties`, 'should be non-empty for OBJECT type');
  for (const [position, name] of ((schema['required'] ?? []) as readonly string[]).entries()) {
    if (!Object.hasOwn(properties, name)) throw broken(`${at}.required[${position}]`, 'property is not defined');
  }
}

function checkConfig(toolConfig: unknown, names: ReadonlySet<string>): void {
  const config = isObject(toolConfig) ? toolConfig['functionCallingConfig'] : undefined;
  if (!isObject(config)) return;
  const mode = config['mode'] ?? 'AUTO';
  if (names.size === 0 && (mode === 'ANY' || mode === 'VALIDATED')) {
    throw invalid('Function calling config is set without function_declarations.');
  }
  const allowed = (config['allowedFunctionNames'] ?? []) as readonly string[];
  if (allowed.length > 0 && mode !== 'ANY' && mode !== 'VALIDATED') {
    throw invalid('Allowed function names should only be set when function calling mode is ANY.');
  }
  const left = allowed.find(name => !names.has(name));
  if (left !== undefined) throw invalid(`Allowed function name ${left} is not among the function declarations.`);
}

function broken(at: string, problem: string) {
  return invalid(`* ${at}: ${problem}\n`);
}
