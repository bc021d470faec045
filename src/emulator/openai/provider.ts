import { type EmulatedAnswer, eventStreamHeaders, jsonHeaders, Refusal } from '../answer.ts';
import { createdAtSeconds, type EmulatedModel, findModel, type KnownModel, modelsShownDefault } from '../models.ts';
import { composeReply } from '../reply/reply.ts';
import { deriveSeed, seedFrom } from '../reply/seed.ts';
import type { ScriptContent } from '../script.ts';
import { openaiErrorBody } from './errors.ts';
import { countChatTokens, readChat } from './read.ts';
import { checkReasoningKept, reasoningUnlessOff } from './reasoning.ts';
import { validateChat } from './validate.ts';
import type { ChatRequest } from './wire.ts';
import { isObject } from './wire.ts';
import { countChatUsage, writeChatStream, writeWholeChat } from './write.ts';

/** POST /v1/chat/completions. Throws Refusal. */
export function answerChat(
  body: unknown,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const shown = script.showReasoning;
  const request = validateChat(body, shown !== undefined);
  const model = findModel(models, request.model);
  if (model === undefined) throw modelNotFound(request.model);
  checkModel(request, model);
  if (shown !== undefined) checkReasoningKept(request, shown);

  const { outputTokensAsked, ...read } = readChat(request);
  const ask =
    shown === undefined ? read : { ...read, reasoningTokens: reasoningUnlessOff(request, read.reasoningTokens) };
  const inputTokens = countChatTokens(request);
  checkContext(inputTokens, model, 'messages');

  const { stream, stream_options: streamOptions, ...said } = request;
  const seed = seedFrom(JSON.stringify(said));
  const outputTokensMax = Math.min(outputTokensAsked ?? model.outputTokensMax, model.outputTokensMax);
  const choices = typeof request['n'] === 'number' ? request['n'] : 1;
  const replies = Array.from({ length: choices }, (_, index) =>
    composeReply({ ...ask, seed: index === 0 ? seed : deriveSeed(seed, `choice ${index}`), script, outputTokensMax }),
  );

  const cached = {
    ...script,
    cacheRead: script.cacheRead ?? ask.directives.cacheRead,
    cacheWrite5m: script.cacheWrite5m ?? ask.directives.cacheWrite5m,
    cacheWrite1h: script.cacheWrite1h ?? ask.directives.cacheWrite1h,
  };
  const usage = script.usage === 'none' ? undefined : countChatUsage(inputTokens, replies, cached);
  const head = {
    id: `chatcmpl-${seed.digest.slice(0, 29)}`,
    created: createdAtSeconds,
    model: script.servedModel ?? request.model,
    serviceTier: script.tier ?? servedTier(request['service_tier']),
    fingerprint: `fp_${seed.digest.slice(-10)}`,
  };
  const options = {
    includeUsage: isObject(streamOptions) && streamOptions['include_usage'] === true,
    logprobs: request['logprobs'] === true,
    topLogprobs: typeof request['top_logprobs'] === 'number' ? request['top_logprobs'] : 0,
    legacyFunctions: Array.isArray(request['functions']),
    showReasoning: shown,
    finish: script.finish,
  };
  const streamed = stream === true;
  return {
    status: 200,
    headers: streamed ? eventStreamHeaders : jsonHeaders,
    frames: streamed ? writeChatStream(head, replies, usage, options) : [writeWholeChat(head, replies, usage, options)],
    streamed,
    provider: 'openai',
  };
}

/** GET /v1/models and /v1/models/{id}. */
export function answerModels(id: string | undefined, models: readonly EmulatedModel[] | undefined): EmulatedAnswer {
  if (id !== undefined && findModel(models, id) === undefined) throw modelNotFound(id);
  const shown = (models ?? modelsShownDefault).map(model => modelEntry(model.id));
  const body = id === undefined ? { object: 'list', data: shown } : modelEntry(id);
  return whole(200, Buffer.from(JSON.stringify(body)));
}

function modelEntry(id: string): unknown {
  return { id, object: 'model', created: createdAtSeconds, owned_by: 'emulator' };
}

export function answerOpenaiRefusal(refusal: Refusal): EmulatedAnswer {
  return whole(refusal.status, openaiErrorBody(refusal));
}

function whole(status: number, body: Buffer): EmulatedAnswer {
  return { status, headers: jsonHeaders, frames: [body], streamed: false, provider: 'openai' };
}

export function modelNotFound(id: string): Refusal {
  const message = `The model \`${id}\` does not exist or you do not have access to it.`;
  return new Refusal(404, 'invalid_request_error', message, { code: 'model_not_found' });
}

function checkModel(request: ChatRequest, model: KnownModel): void {
  if (model.refusesMaxTokens && typeof request['max_tokens'] === 'number') {
    const message =
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    throw new Refusal(400, 'invalid_request_error', message, {
      code: 'unsupported_parameter',
      parameter: 'max_tokens',
    });
  }
  const asked = request['max_completion_tokens'] ?? request['max_tokens'];
  if (typeof asked === 'number' && asked > model.outputTokensMax) {
    const field = request['max_completion_tokens'] === undefined ? 'max_tokens' : 'max_completion_tokens';
    const message = `${field} is too large: ${asked}. This model supports at most ${model.outputTokensMax} completion tokens, whereas you provided ${asked}.`;
    throw new Refusal(400, 'invalid_request_error', message, { code: 'invalid_value', parameter: field });
  }
}

export function checkContext(inputTokens: number, model: KnownModel, parameter: 'messages' | 'input'): void {
  if (inputTokens <= model.contextTokens) return;
  const message = 'Your input exceeds the context window of this model. Please adjust your input and try again.';
  throw new Refusal(400, 'invalid_request_error', message, { code: 'context_length_exceeded', parameter });
}

export function servedTier(asked: unknown): string {
  return asked === 'flex' || asked === 'priority' || asked === 'scale' || asked === 'fast' ? asked : 'default';
}
