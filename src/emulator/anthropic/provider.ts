import { type EmulatedAnswer, eventStreamHeaders, jsonHeaders, Refusal } from '../answer.ts';
import { type EmulatedModel, findModel, type KnownModel, modelsShownDefault } from '../models.ts';
import type { Directives } from '../reply/directives.ts';
import { composeReply, type Reply } from '../reply/reply.ts';
import { seedFrom } from '../reply/seed.ts';
import type { ScriptContent } from '../script.ts';
import { anthropicErrorBody } from './errors.ts';
import type { AnthropicHeaders } from './headers.ts';
import { countInput, type InputTokens, readMessages } from './read.ts';
import { validateCount, validateMessages } from './validate.ts';
import { isObject, type MessagesRequest } from './wire.ts';
import { type MessageHead, type MessageUsage, writeMessageStream, writeWholeMessage } from './write.ts';

/** POST /v1/messages. Throws Refusal. */
export function answerMessages(
  body: unknown,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
  headers: AnthropicHeaders,
): EmulatedAnswer {
  const request = validateMessages(body, headers);
  const model = requireModel(models, request.model);
  const outputTokensMax = request['max_tokens'] as number;
  checkLimits(request, model, outputTokensMax);
  const input = countInput(request);
  checkContext(input.total, model);

  const { stream, ...said } = request;
  const ask = readMessages(request);
  const seed = seedFrom(JSON.stringify(said));
  const reply = composeReply({ ...ask, seed, script, outputTokensMax });
  const usage = script.usage === 'none' ? undefined : countUsage(input, reply, ask.directives, script);
  const head: MessageHead = {
    id: `msg_01${seed.digest.slice(0, 22)}`,
    model: script.servedModel ?? request.model,
    asked: request.model,
    version: headers.version,
    finish: script.finish,
    thinking: ask.directives.redactThinking ? 'redacted' : isOmitted(request['thinking']) ? 'omitted' : 'shown',
  };
  const streamed = stream === true;
  return {
    status: 200,
    headers: streamed ? eventStreamHeaders : jsonHeaders,
    frames: streamed ? writeMessageStream(head, reply, usage) : [writeWholeMessage(head, reply, usage)],
    streamed,
    provider: 'anthropic',
  };
}

/** POST /v1/messages/count_tokens. Throws Refusal. */
export function answerCountTokens(
  body: unknown,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
  headers: AnthropicHeaders,
): EmulatedAnswer {
  const request = validateCount(body, headers);
  requireModel(models, request.model);
  return whole(200, { input_tokens: script.reportInput ?? countInput(request).total });
}

/** GET /v1/models and /v1/models/{id}. Throws Refusal. */
export function answerAnthropicModels(
  id: string | undefined,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  if (id !== undefined) return whole(200, modelEntry(requireModel(models, id)));
  const shown = (models ?? modelsShownDefault).map(model => modelEntry(requireModel(models, model.id)));
  const ids = (models ?? modelsShownDefault).map(model => model.id);
  return whole(200, { data: shown, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null });
}

function modelEntry(model: KnownModel): unknown {
  return {
    type: 'model',
    id: model.id,
    display_name: model.id,
    created_at: '2026-01-01T00:00:00Z',
    max_input_tokens: model.contextTokens,
    max_tokens: model.outputTokensMax,
    capabilities: null,
    lifecycle: 'active',
    line: null,
    deprecated_at: null,
    retires_at: null,
  };
}

export function answerAnthropicRefusal(refusal: Refusal, requestId: string): EmulatedAnswer {
  return {
    status: refusal.status,
    headers: jsonHeaders,
    frames: [anthropicErrorBody(refusal, requestId)],
    streamed: false,
    provider: 'anthropic',
  };
}

function whole(status: number, body: unknown): EmulatedAnswer {
  return {
    status,
    headers: jsonHeaders,
    frames: [Buffer.from(JSON.stringify(body))],
    streamed: false,
    provider: 'anthropic',
  };
}

function requireModel(models: readonly EmulatedModel[] | undefined, id: string): KnownModel {
  const model = findModel(models, id);
  if (model === undefined) throw new Refusal(404, 'not_found_error', `model: ${id}`);
  return model;
}

function checkLimits(request: MessagesRequest, model: KnownModel, outputTokensMax: number): void {
  if (outputTokensMax <= model.outputTokensMax) return;
  const message = `max_tokens: ${outputTokensMax} > ${model.outputTokensMax}, which is the maximum allowed number of output tokens for ${request.model}`;
  throw new Refusal(400, 'invalid_request_error', message);
}

function checkContext(inputTokens: number, model: KnownModel): void {
  if (inputTokens <= model.contextTokens) return;
  const message = `prompt is too long: ${inputTokens} tokens > ${model.contextTokens} maximum`;
  throw new Refusal(400, 'invalid_request_error', message);
}

function isOmitted(thinking: unknown): boolean {
  return isObject(thinking) && thinking['display'] === 'omitted';
}

/** Input tokens exclude what was read from or written to a cache. A script's numbers are reported as they are. */
function countUsage(input: InputTokens, reply: Reply, directives: Directives, script: ScriptContent): MessageUsage {
  const cacheRead = script.cacheRead ?? directives.cacheRead ?? 0;
  const cacheWrite5m = script.cacheWrite5m ?? directives.cacheWrite5m ?? input.cacheWrite5m;
  const cacheWrite1h = script.cacheWrite1h ?? directives.cacheWrite1h ?? input.cacheWrite1h;
  const outputTokens = script.reportOutput ?? reply.outputTokens;
  return {
    inputTokens: script.reportInput ?? Math.max(0, input.total - cacheRead - cacheWrite5m - cacheWrite1h),
    cacheRead,
    cacheWrite5m,
    cacheWrite1h,
    outputTokens,
    thinkingTokens: reply.reasoningTokens,
    serviceTier: script.tier ?? 'standard',
  };
}
