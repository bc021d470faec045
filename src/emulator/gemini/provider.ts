import { type EmulatedAnswer, Refusal } from '../answer.ts';
import { type EmulatedModel, findModel, type KnownModel, modelsShownDefault } from '../models.ts';
import type { Directives } from '../reply/directives.ts';
import { composeReply, type Reply } from '../reply/reply.ts';
import { deriveSeed, seedFrom } from '../reply/seed.ts';
import type { ScriptContent } from '../script.ts';
import { invalid } from './errors.ts';
import { rulesOf } from './model-rules.ts';
import { countInput, type InputTokens, readGenerate } from './read.ts';
import { type Asked, validateCount, validateGenerate } from './validate.ts';
import { isObject, type Json } from './wire.ts';
import {
  type GenerateHead,
  type GenerateUsage,
  listFrames,
  sseFrame,
  writeGenerateChunks,
  writeWholeGenerate,
} from './write.ts';

/** How the answer comes: whole, or as events, or as one JSON list that grows. */
export type GenerateForm = 'whole' | 'events' | 'list';

export interface GenerateCall extends Asked {
  readonly form: GenerateForm;
  /** `v1beta`, `v1` … */
  readonly apiVersion: string;
}

const jsonType = ['content-type', 'application/json; charset=UTF-8'];
const eventType = ['content-type', 'text/event-stream'];

/** POST …:generateContent and …:streamGenerateContent. Throws Refusal. */
export function answerGenerate(
  body: unknown,
  call: GenerateCall,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const request = validateGenerate(body, call);
  const model = requireModel(models, call);
  const config = isObject(request['generationConfig']) ? request['generationConfig'] : {};
  checkLimit(config['maxOutputTokens'], model);
  const input = countInput(request);
  checkContext(input.total, model);

  const ask = readGenerate(request, call.model);
  const seed = seedFrom(`${call.model}\n${JSON.stringify(request)}`);
  const outputTokensMax = Math.min(Number(config['maxOutputTokens'] ?? model.outputTokensMax), model.outputTokensMax);
  const replies = Array.from({ length: Number(config['candidateCount'] ?? 1) }, (_, index) =>
    composeReply({ ...ask, seed: index === 0 ? seed : deriveSeed(seed, `choice ${index}`), script, outputTokensMax }),
  );
  const answered = script.blocked === undefined ? replies : [];
  const counted = countUsage({ input, replies: answered, directives: ask.directives, script, vertex: call.vertex });
  const usage = script.usage === 'none' ? undefined : counted;
  const head = headOf(call, request, seed.digest, script);
  if (call.form === 'whole') return whole(writeWholeGenerate(head, replies, usage));
  const chunks = writeGenerateChunks(head, replies, usage);
  return call.form === 'events'
    ? { ...streamed, headers: eventType, frames: chunks.map(sseFrame) }
    : { ...streamed, headers: jsonType, frames: listFrames(chunks), malformed: halfAnEntry };
}

const streamed = { status: 200, streamed: true, provider: 'gemini' } as const;

function halfAnEntry(entry: Buffer): Buffer {
  return entry.subarray(0, Math.ceil(entry.length / 2));
}

function whole(body: Buffer): EmulatedAnswer {
  return { status: 200, headers: jsonType, frames: [body], streamed: false, provider: 'gemini' };
}

/** POST …:countTokens. Throws Refusal. */
export function answerGeminiCount(
  body: unknown,
  call: GenerateCall,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const request = validateCount(body, call);
  requireModel(models, call);
  const input = countInput(request);
  const counted = { totalTokens: script.reportInput ?? input.total, promptTokensDetails: detailsOf(input) };
  return whole(Buffer.from(`${JSON.stringify(counted, null, 2)}\n`));
}

/** GET /v1beta/models and /v1beta/models/{id}. Throws Refusal. */
export function answerGeminiModels(
  id: string | undefined,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const entry = (name: string) =>
    modelEntry(requireModel(models, { model: name, apiVersion: 'v1beta', vertex: false }));
  const shown = () => ({ models: (models ?? modelsShownDefault).map(model => entry(model.id)) });
  return whole(Buffer.from(`${JSON.stringify(id === undefined ? shown() : entry(id), null, 2)}\n`));
}

function modelEntry(model: KnownModel): Json {
  return {
    name: `models/${model.id}`,
    version: '001',
    displayName: model.id,
    description: 'An emulated model.',
    inputTokenLimit: model.contextTokens,
    outputTokenLimit: model.outputTokensMax,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
    temperature: 1,
    topP: 0.95,
    topK: 64,
    maxTemperature: 2,
    thinking: rulesOf(model.id).budget !== undefined,
  };
}

function requireModel(
  models: readonly EmulatedModel[] | undefined,
  { model: id, apiVersion, vertex }: Pick<GenerateCall, 'model' | 'apiVersion' | 'vertex'>,
): KnownModel {
  const model = findModel(models, id);
  if (model !== undefined) return model;
  const message = vertex
    ? `Publisher Model \`publishers/google/models/${id}\` was not found or your project does not have access to it. Please ensure you are using a valid model version.`
    : `models/${id} is not found for API version ${apiVersion}, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.`;
  throw new Refusal(404, 'NOT_FOUND', message);
}

function checkLimit(asked: unknown, model: KnownModel): void {
  if (typeof asked !== 'number' || asked <= model.outputTokensMax) return;
  throw invalid(
    `Unable to submit request because it has a maxOutputTokens value of ${asked} but the supported range is from 1 (inclusive) to ${model.outputTokensMax + 1} (exclusive). Update the value and try again.`,
  );
}

function checkContext(inputTokens: number, model: KnownModel): void {
  if (inputTokens <= model.contextTokens) return;
  throw invalid(
    `The input token count (${inputTokens}) exceeds the maximum number of tokens allowed (${model.contextTokens}).`,
  );
}

function headOf(call: GenerateCall, request: Json, digest: string, script: ScriptContent): GenerateHead {
  const config = isObject(request['generationConfig']) ? request['generationConfig'] : {};
  const thinking = isObject(config['thinkingConfig']) ? config['thinkingConfig'] : {};
  const toolConfig = isObject(request['toolConfig']) ? request['toolConfig'] : {};
  const calling = isObject(toolConfig['functionCallingConfig']) ? toolConfig['functionCallingConfig'] : {};
  const rules = rulesOf(call.model);
  return {
    id: digest.slice(0, 22),
    modelVersion: script.servedModel ?? call.model,
    model: call.model,
    vertex: call.vertex,
    showThoughts: thinking['includeThoughts'] === true,
    callIds: rules.callIds && !call.vertex,
    signsText: rules.signatures,
    logprobs: config['responseLogprobs'] === true ? Number(config['logprobs'] ?? 0) : undefined,
    partialCalls: calling['streamFunctionCallArguments'] === true,
    finish: script.finish,
    blocked: script.blocked,
  };
}

function detailsOf(input: InputTokens): Json[] {
  return input.byModality.map(([modality, tokenCount]) => ({ modality, tokenCount }));
}

interface Counted {
  readonly input: InputTokens;
  readonly replies: readonly Reply[];
  readonly directives: Directives;
  readonly script: ScriptContent;
  readonly vertex: boolean;
}

/** Candidates exclude thoughts, the prompt includes what was cached. A script's numbers are reported as they are. */
function countUsage({ input, replies, directives, script, vertex }: Counted): GenerateUsage {
  const thoughts = replies.reduce((sum, reply) => sum + reply.reasoningTokens, 0);
  const said = replies.reduce(
    (sum, reply) => sum + (reply.refused ? 0 : reply.outputTokens - reply.reasoningTokens),
    0,
  );
  const cached = script.cacheRead ?? directives.cacheRead ?? 0;
  // The prompt grows to fit what is said to be cached.
  const prompt = script.reportInput ?? Math.max(input.total, cached);
  const more = prompt - input.total;
  const promptDetails = detailsOf(input).map((detail, position) =>
    position === 0 ? { ...detail, tokenCount: Math.max(0, Number(detail['tokenCount']) + more) } : detail,
  );
  return {
    prompt,
    promptDetails,
    cached,
    candidates: script.reportOutput ?? said,
    thoughts,
    trafficType: vertex ? (script.tier ?? 'ON_DEMAND') : script.tier,
  };
}
