import { isObject } from '../openai/wire.ts';

/** What strict mode finds wrong with a schema, in the API's words; undefined when nothing. From
 *  https://platform.openai.com/docs/guides/structured-outputs (2026-11): every object closed, every property required, no
 *  `allOf`, `not`, `if`, `dependentRequired`, `patternProperties`; a root that is an object and no `anyOf`. */
export function refusedStrict(schema: unknown): string | undefined {
  if (isObject(schema) && Array.isArray(schema['anyOf'])) {
    return 'schema must be a JSON Schema of \'type: "object"\', got \'type: "None"\'.';
  }
  return visit(schema, [], 0);
}

const keywordsRefused = [
  'allOf',
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'patternProperties',
];
/** The API allows ten levels of objects; arrays and alternatives between them count here, too. */
const depthMax = 32;

function visit(schema: unknown, context: readonly string[], depth: number): string | undefined {
  if (!isObject(schema)) return undefined;
  const at = `In context=(${context.map(name => `'${name}'`).join(', ')}${context.length === 1 ? ',' : ''}), `;
  if (depth > depthMax) return `${at}the schema is nested too deeply.`;
  for (const keyword of keywordsRefused) if (keyword in schema) return `${at}'${keyword}' is not permitted.`;
  const properties = schema['properties'];
  if (schema['type'] === 'object' || isObject(properties)) {
    if (schema['additionalProperties'] !== false) {
      return `${at}'additionalProperties' is required to be supplied and to be false.`;
    }
    const required = Array.isArray(schema['required']) ? schema['required'] : [];
    const left = Object.keys(isObject(properties) ? properties : {}).find(name => !required.includes(name));
    if (left !== undefined) {
      return `${at}'required' is required to be supplied and to be an array including every key in properties. Missing '${left}'.`;
    }
  }
  return children(schema)
    .map(([name, child]) => visit(child, [...context, ...name], depth + 1))
    .find(found => found !== undefined);
}

function children(schema: Readonly<Record<string, unknown>>): [readonly string[], unknown][] {
  const found: [readonly string[], unknown][] = [];
  for (const keyword of ['properties', '$defs', 'definitions']) {
    const members = schema[keyword];
    if (isObject(members)) {
      for (const [name, child] of Object.entries(members)) found.push([[keyword, name], child]);
    }
  }
  if (isObject(schema['items'])) found.push([['items'], schema['items']]);
  if (Array.isArray(schema['anyOf'])) {
    for (const [position, child] of schema['anyOf'].entries()) found.push([['anyOf', String(position)], child]);
  }
  return found;
}
