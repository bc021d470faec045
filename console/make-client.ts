// Writes src/api/paths.ts, the types of the management API as `openapi-fetch` reads them, from the API's own table of
// operations. Run: node console/make-client.ts (in the repository, after the API changed; a test says when).
import { writeFileSync } from 'node:fs';
import { createAdminApp, openApiDocument } from '../src/admin/app.ts';
import type { AdminDependencies } from '../src/admin/dependencies.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly nullable?: boolean;
  readonly description?: string;
}

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header' | 'cookie';
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Body {
  readonly required?: boolean;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

interface Described {
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export const clientPath = new URL('src/api/paths.ts', import.meta.url);

/** The text of that file. */
export function clientTypes(): string {
  const document = openApiDocument(createAdminApp(described()), '0') as unknown as Document; // It is JSON of OpenAPI 3.1.
  const { paths, components } = document;
  const pathTypes = Object.keys(paths)
    .sort()
    .map(path => `  ${key(path)}: ${pathType(paths[path]!)};`);
  const schemas = Object.entries(components?.schemas ?? {}).map(
    ([name, schema]) => `    ${key(name)}: ${schemaType(schema)};`,
  );
  return [
    '/* The management API, made by console/make-client.ts from its table of operations. Not to be edited. */',
    'export interface paths {',
    ...pathTypes,
    '}',
    'export interface components {',
    '  schemas: {',
    ...schemas,
    '  };',
    '}',
    '',
  ].join('\n');
}

/** The API describes itself without anything behind it: what is asked of this gives more of it. */
function described(): AdminDependencies {
  const anything: unknown = new Proxy(() => {}, {
    get: (_target, name) => (name === Symbol.toPrimitive ? () => '' : anything),
    apply: () => anything,
  });
  return {
    ...(anything as AdminDependencies),
    adminKey: 'none',
    sealer: anything,
    store: anything,
  } as AdminDependencies;
}

const methods = ['get', 'put', 'post', 'delete', 'patch'];

function pathType(operations: Readonly<Record<string, Described>>): string {
  const parts = methods.map(method => {
    const operation = operations[method];
    return operation === undefined
      ? `${method}?: never`
      : `${comment(operation.summary)}${method}: ${operationType(operation)}`;
  });
  return `{ ${parts.join('; ')} }`;
}

function operationType({ parameters = [], requestBody, responses }: Described): string {
  const places = (['query', 'path', 'header', 'cookie'] as const).map(place => {
    const own = parameters.filter(parameter => parameter.in === place);
    if (own.length === 0) return `${place}?: never`;
    const fields = own.map(
      ({ name, required, schema }) => `${key(name)}${required === true ? '' : '?'}: ${schemaType(schema ?? {})}`,
    );
    return `${place}${own.some(({ required }) => required === true) ? '' : '?'}: { ${fields.join('; ')} }`;
  });
  const body =
    requestBody === undefined
      ? 'requestBody?: never'
      : `requestBody${requestBody.required === true ? '' : '?'}: { content: ${contentType(requestBody)} }`;
  const answers = Object.entries(responses).map(([status, response]) => {
    const name = /^\d+$/.test(status) ? status : key(status);
    return `${name}: { headers: { [name: string]: unknown }; content${response.content === undefined ? '?: never' : `: ${contentType(response)}`} }`;
  });
  return `{ parameters: { ${places.join('; ')} }; ${body}; responses: { ${answers.join('; ')} } }`;
}

function contentType({ content = {} }: Body): string {
  return `{ ${Object.entries(content)
    .map(([type, { schema }]) => `${key(type)}: ${schemaType(schema ?? {})}`)
    .join('; ')} }`;
}

function schemaType(schema: Schema): string {
  const type = plainType(schema);
  return schema.nullable === true ? `(${type} | null)` : type;
}

function plainType(schema: Schema): string {
  if (schema.$ref !== undefined) return `components['schemas'][${quote(schema.$ref.split('/').at(-1)!)}]`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map(value => JSON.stringify(value)));
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined) return union(several.map(schemaType));
  if (schema.allOf !== undefined) return `(${schema.allOf.map(schemaType).join(' & ')})`;
  if (Array.isArray(schema.type)) return union(schema.type.map(type => schemaType({ ...schema, type })));
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'number':
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map(schemaType).join(', ')}]`;
      return `${schemaType(schema.items ?? {})}[]`;
    case 'object':
      return objectType(schema);
    default:
      return schema.properties === undefined ? 'unknown' : objectType(schema);
  }
}

function objectType({ properties = {}, required = [], additionalProperties }: Schema): string {
  const fields = Object.entries(properties).map(
    ([name, schema]) =>
      `${comment(schema.description)}${key(name)}${required.includes(name) ? '' : '?'}: ${schemaType(schema)}`,
  );
  const others =
    additionalProperties === true
      ? 'unknown'
      : typeof additionalProperties === 'object'
        ? schemaType(additionalProperties)
        : undefined;
  if (fields.length === 0) return `Record<string, ${others ?? 'never'}>`;
  const known = `{ ${fields.join('; ')} }`;
  return others === undefined ? known : `(${known} & Record<string, ${others}>)`;
}

function union(types: readonly string[]): string {
  const unique = [...new Set(types)];
  return unique.length === 1 ? unique[0]! : `(${unique.join(' | ')})`;
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function comment(text: string | undefined): string {
  return text === undefined ? '' : `/** ${text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ')} */ `;
}

if (import.meta.main) writeFileSync(clientPath, clientTypes());
