import { Fault } from '../completion/fault.ts';
import type { DialectName } from '../completion/request.ts';
import type { Dialect, PathFacts } from '../dialects/dialect.ts';
import { dialects } from '../dialects/registry.ts';
import { isRecord } from '../dialects/wire-values.ts';
import { geminiPlaces } from './gemini-paths.ts';
import type { ModelPath } from './model-paths.ts';

/** How one API is asked how many tokens a request has. */
export interface CountForm {
  readonly dialect: Dialect;
  /** Where a provider is asked, made of the path at which it is asked for an answer. */
  readonly pathOf: (completionPath: string) => string;
  /** The request that is to be counted, where it comes inside another. Throws Fault. The body is JSON that was checked. */
  readonly unwrap?: (body: Buffer) => Buffer;
  /** The other way, for a provider. */
  readonly wrap?: (request: Buffer, targetModel: string) => Buffer;
  readonly answer: (tokens: number) => unknown;
  /** In a refusal: this model cannot be counted for there, so the answer is an estimate. */
  readonly cannot?: RegExp;
}

const whole = (): Omit<PathFacts, 'requestedModel'> => ({ stream: false });

/** Anthropic: https://platform.claude.com/docs/en/api/messages/count_tokens (2026-11). */
export const anthropicCount: CountForm = {
  dialect: need('anthropic-messages'),
  pathOf: path => `${path}/count_tokens`,
  answer: tokens => ({ input_tokens: tokens }),
};

/** OpenAI: https://platform.openai.com/docs/api-reference/responses/input-tokens (2026-11). */
export const responsesCount: CountForm = {
  dialect: need('openai-responses'),
  pathOf: path => `${path}/input_tokens`,
  answer: tokens => ({ object: 'response.input_tokens', input_tokens: tokens }),
};

/** Gemini: https://ai.google.dev/api/tokens (2026-11). The request may come whole, as `generateContentRequest`. */
export const geminiCount: CountForm = {
  dialect: need('gemini'),
  pathOf: path => path.replace(/:(?:generateContent|streamGenerateContent)$/, ':countTokens'),
  unwrap: body => {
    const { generateContentRequest, generate_content_request } = record(JSON.parse(body.toString()));
    const inner = generateContentRequest ?? generate_content_request;
    if (inner === undefined) return body;
    const { model: _model, ...request } = record(inner, 'generateContentRequest');
    return Buffer.from(JSON.stringify(request));
  },
  wrap: (request, targetModel) => {
    const inner = record(JSON.parse(request.toString()));
    // What has contents alone is counted everywhere; Vertex knows no wrapped request.
    if (Object.keys(inner).every(name => name === 'contents')) return request;
    return Buffer.from(JSON.stringify({ generateContentRequest: { model: `models/${targetModel}`, ...inner } }));
  },
  answer: tokens => ({ totalTokens: tokens }),
};

/** Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html (2026-11). Some models are
 *  refused with 400. */
export const bedrockCount: CountForm = {
  dialect: need('bedrock-converse'),
  pathOf: path => path.replace(/\/converse(?:-stream)?$/, '/count-tokens'),
  unwrap: body => {
    const { input } = record(JSON.parse(body.toString()));
    const { converse, invokeModel } = record(input, 'input');
    if (converse === undefined && invokeModel !== undefined) {
      throw new Fault('parameter_invalid', 'input.invokeModel is each model’s own body; send input.converse.', {
        parameter: 'input.invokeModel',
      });
    }
    return Buffer.from(JSON.stringify(record(converse, 'input.converse')));
  },
  wrap: request => Buffer.concat([Buffer.from('{"input":{"converse":'), request, Buffer.from('}}')]),
  answer: tokens => ({ inputTokens: tokens }),
  cannot: /doesn['’]t support counting tokens/i,
};

/** Paths that hold the model of a request to be counted. */
export const countPaths: readonly (ModelPath & { readonly count: CountForm })[] = [
  ...geminiPlaces.map(place => ({
    form: `${place}:countTokens`,
    dialect: 'gemini' as const,
    read: whole,
    count: geminiCount,
  })),
  { form: '/model/{model}/count-tokens', dialect: 'bedrock-converse', read: whole, count: bedrockCount },
];

function need(name: DialectName): Dialect {
  const dialect = dialects.get(name);
  if (dialect === undefined) throw new Error(`the dialect ${name} is not in the registry`);
  return dialect;
}

function record(value: unknown, path?: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  if (path === undefined) throw new Fault('json_malformed');
  throw new Fault(value === undefined ? 'parameter_missing' : 'parameter_invalid', `${path} must be an object.`, {
    parameter: path,
  });
}
