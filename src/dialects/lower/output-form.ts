import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { CompletionRequest, DialectName, OutputFormat, Turn } from '../../completion/request.ts';
import { isRecord } from '../wire-values.ts';
import { lowerSchema } from './schema.ts';

type SchemaFormat = OutputFormat & { readonly type: 'json-schema' };

/** The form of the answer as the target can be held to it. Where it cannot, an instruction asks for the form. */
export function lowerOutput(
  request: CompletionRequest,
  profile: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  const { output } = request;
  if (output === undefined) return request;
  const path = pathOf(output, client);
  const isApart = profile.outputBesideTools === false && request.tools.length > 0;
  const forms = isApart ? noForms : profile.outputForms;
  if (output.type === 'json-object') {
    if (forms.has('json-object')) return request;
    losses.approximated('json-object-as-instruction', path);
    return instructed({ ...request, output: undefined }, objectOnly, path);
  }
  const lowered = forms.has('json-schema') ? lowerFormat(output, profile, path, losses) : undefined;
  if (lowered !== undefined) return { ...request, output: lowered };
  losses.approximated('output-schema-as-instruction', path);
  const form = forms.has('json-object') && isObject(output.schema) ? jsonObject : undefined;
  return instructed({ ...request, output: form }, `${schemaOnly}\n${JSON.stringify(output.schema)}`, path);
}

const noForms: DialectProfile['outputForms'] = new Set();
const objectOnly = 'Answer with one JSON object and nothing else: no text around it, no Markdown.';
const schemaOnly =
  'Answer with one JSON value and nothing else: no text around it, no Markdown. It must match this JSON Schema:';
const jsonObject: OutputFormat = { type: 'json-object' };

function isObject(schema: unknown): boolean {
  return isRecord(schema) && schema['type'] === 'object';
}

function pathOf({ type }: OutputFormat, client: DialectName): string {
  if (client === 'anthropic-messages') return 'output_config.format';
  if (client === 'bedrock-converse') return 'outputConfig.textFormat';
  if (client === 'openai-responses') return 'text.format';
  return type === 'json-object' ? 'response_format' : 'response_format.json_schema';
}

/** A schema that nobody holds the answer to may be any. Its name is the title of the whole elsewhere. */
function lowerFormat(
  output: SchemaFormat,
  profile: DialectProfile,
  path: string,
  losses: LossLedger,
): SchemaFormat | undefined {
  if (!profile.alwaysStrict && output.strict !== true) return output;
  const { strictSchema } = profile;
  const lowered = strictSchema && lowerSchema(described(output, profile), strictSchema, `${path}.schema`);
  if (lowered === undefined) return undefined;
  for (const loss of lowered.losses) losses.declare(loss);
  return { ...output, schema: lowered.schema };
}

function described(
  { schema, name, description }: SchemaFormat,
  { alwaysStrict, namedOutput = !alwaysStrict }: DialectProfile,
): unknown {
  if (namedOutput || !isRecord(schema) || schema['$ref'] !== undefined) return schema;
  return {
    ...(name === undefined ? undefined : { title: name }),
    ...(description === undefined ? undefined : { description }),
    ...schema,
  };
}

/** Behind the instructions that come before the conversation, so that what follows stays a prefix as it grows. */
function instructed(request: CompletionRequest, text: string, path: string): CompletionRequest {
  const start = request.turns.findIndex(({ role }) => role !== 'system');
  const at = start === -1 ? request.turns.length : start;
  const turn: Turn = { role: 'system', blocks: [{ type: 'text', text }], path };
  return { ...request, turns: request.turns.toSpliced(at, 0, turn) };
}
