import { type EmulatedAnswer, eventStreamHeaders, jsonHeaders, Refusal } from '../answer.ts';
import { createdAtSeconds, type EmulatedModel, findModel, type KnownModel } from '../models.ts';
import { refuse } from '../openai/parameters.ts';
import { checkContext, modelNotFound, servedTier } from '../openai/provider.ts';
import { isObject, type Json } from '../openai/wire.ts';
import type { Directives } from '../reply/directives.ts';
import { composeReply, type Reply } from '../reply/reply.ts';
import { seedFrom } from '../reply/seed.ts';
import type { ScriptContent } from '../script.ts';
import { countInput, readResponses, readTools } from './read.ts';
import { validateCount, validateResponses } from './validate.ts';
import type { ResponsesRequest } from './wire.ts';
import { type ResponseHead, writeResponseStream, writeWholeResponse } from './write.ts';

/** POST /v1/responses. Throws Refusal. */
export function answerResponses(
  body: unknown,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const request = validateResponses(body);
  const model = requireModel(models, request.model);
  const asked = typeof request['max_output_tokens'] === 'number' ? request['max_output_tokens'] : undefined;
  checkLimit(asked, model);
  const inputTokens = countInput(request);
  checkContext(inputTokens, model, 'input');

  const { stream, stream_options: streamOptions, ...said } = request;
  const ask = readResponses(request);
  const seed = seedFrom(JSON.stringify(said));
  const outputTokensMax = Math.min(asked ?? model.outputTokensMax, model.outputTokensMax);
  const reply = composeReply({ ...ask, seed, script, outputTokensMax });
  const usage = script.usage === 'none' ? undefined : countUsage(inputTokens, reply, ask.directives, script);
  const head: ResponseHead = {
    digest: seed.digest,
    created: createdAtSeconds,
    echo: echoOf(request, script),
    summary: wantsSummary(request['reasoning']),
    encrypted: includes(request, 'reasoning.encrypted_content'),
    logprobs: includes(request, 'message.output_text.logprobs') ? topLogprobs(request) : undefined,
    incomplete: script.finish,
    obfuscated: !(isObject(streamOptions) && streamOptions['include_obfuscation'] === false),
    namespaces: new Map(
      readTools(request['tools']).flatMap(({ name, namespace }) =>
        namespace === undefined ? [] : [[name, namespace]],
      ),
    ),
  };
  const streamed = stream === true;
  return {
    status: 200,
    headers: streamed ? eventStreamHeaders : jsonHeaders,
    frames: streamed ? writeResponseStream(head, reply, usage) : [writeWholeResponse(head, reply, usage)],
    streamed,
    provider: 'responses',
  };
}

/** POST /v1/responses/input_tokens. Throws Refusal. */
export function answerInputTokens(
  body: unknown,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const request = validateCount(body);
  requireModel(models, request.model);
  const counted = { object: 'response.input_tokens', input_tokens: script.reportInput ?? countInput(request) };
  return {
    status: 200,
    headers: jsonHeaders,
    frames: [Buffer.from(`${JSON.stringify(counted, null, 2)}\n`)],
    streamed: false,
    provider: 'responses',
  };
}

/** What names a stored response: the emulator stores none. Throws Refusal. */
export function answerStoredResponse(path: string): never {
  const id = path.split('/')[3]!;
  throw new Refusal(404, 'invalid_request_error', `Response with id '${id.slice(0, 80)}' not found.`);
}

function requireModel(models: readonly EmulatedModel[] | undefined, id: string): KnownModel {
  const model = findModel(models, id);
  if (model === undefined) throw modelNotFound(id);
  return model;
}

function checkLimit(asked: number | undefined, model: KnownModel): void {
  if (asked === undefined || asked <= model.outputTokensMax) return;
  const message = `max_output_tokens is too large: ${asked}. This model supports at most ${model.outputTokensMax} output tokens, whereas you provided ${asked}.`;
  throw refuse('invalid_value', 'max_output_tokens', message);
}

function includes(request: Json, name: string): boolean {
  return Array.isArray(request['include']) && request['include'].includes(name);
}

function topLogprobs(request: Json): number {
  return typeof request['top_logprobs'] === 'number' ? request['top_logprobs'] : 0;
}

function wantsSummary(reasoning: unknown): boolean {
  if (!isObject(reasoning)) return false;
  return typeof (reasoning['summary'] ?? reasoning['generate_summary']) === 'string';
}

/** What the answer repeats, with what holds where nothing was said. */
function echoOf(request: ResponsesRequest, script: ScriptContent): Json {
  const reasoning = isObject(request['reasoning']) ? request['reasoning'] : {};
  const text = isObject(request['text']) ? request['text'] : {};
  return {
    instructions: request['instructions'] ?? null,
    max_output_tokens: request['max_output_tokens'] ?? null,
    max_tool_calls: request['max_tool_calls'] ?? null,
    model: script.servedModel ?? request.model,
    parallel_tool_calls: request['parallel_tool_calls'] ?? true,
    previous_response_id: null,
    prompt_cache_key: request['prompt_cache_key'] ?? null,
    reasoning: { effort: reasoning['effort'] ?? null, summary: reasoning['summary'] ?? null },
    safety_identifier: request['safety_identifier'] ?? null,
    service_tier: script.tier ?? servedTier(request['service_tier']),
    store: request['store'] ?? true,
    temperature: request['temperature'] ?? 1,
    text: { format: text['format'] ?? { type: 'text' }, verbosity: text['verbosity'] ?? 'medium' },
    tool_choice: request['tool_choice'] ?? 'auto',
    tools: request['tools'] ?? [],
    top_logprobs: request['top_logprobs'] ?? 0,
    top_p: request['top_p'] ?? 1,
    truncation: request['truncation'] ?? 'disabled',
    user: request['user'] ?? null,
    metadata: request['metadata'] ?? {},
  };
}

function countUsage(inputTokens: number, reply: Reply, directives: Directives, script: ScriptContent): Json {
  const cached = script.cacheRead ?? directives.cacheRead ?? 0;
  const written5m = script.cacheWrite5m ?? directives.cacheWrite5m ?? 0;
  const written1h = script.cacheWrite1h ?? directives.cacheWrite1h ?? 0;
  const written = written5m + written1h;
  // A script's numbers are reported as they are, also when they cannot be true; else the prompt grows to fit them.
  const input = script.reportInput ?? Math.max(inputTokens, cached + written);
  const output = script.reportOutput ?? reply.outputTokens;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: cached,
      cache_write_tokens: written,
      // The shorter and the longer of its two lifetimes.
      ...(written > 0 ? { cache_write_tokens_details: { ttl_30m_tokens: written5m, ttl_12h_tokens: written1h } } : {}),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reply.reasoningTokens },
    total_tokens: input + output,
  };
}
