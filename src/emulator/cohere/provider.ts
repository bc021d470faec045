import { type EmulatedAnswer, eventStreamHeaders, jsonHeaders, Refusal } from '../answer.ts';
import { type EmulatedModel, findModel, type KnownModel, modelsShownDefault } from '../models.ts';
import type { Directives } from '../reply/directives.ts';
import { composeReply, type Reply } from '../reply/reply.ts';
import { seedFrom } from '../reply/seed.ts';
import { countTokens } from '../reply/tokens.ts';
import type { ScriptContent } from '../script.ts';
import { tooManyTokens } from './errors.ts';
import { cites } from './model-rules.ts';
import { countInput, type InputTokens, readCohere } from './read.ts';
import { validateChat } from './validate.ts';
import { type CohereRequest, type Json, listOf } from './wire.ts';
import { type CohereHead, type CohereUsage, writeCohereStream, writeWholeCohere } from './write.ts';

/** POST /v2/chat. Throws Refusal. */
export function answerCohere(
  body: unknown,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const request = validateChat(body);
  const model = requireModel(models, request.model);
  const input = countInput(request);
  checkContext(input.total, model);

  const { stream, ...said } = request;
  const ask = readCohere(request);
  const seed = seedFrom(JSON.stringify(said));
  // More than the model can write is lowered to what it can.
  const outputTokensMax = Math.min(Number(request['max_tokens'] ?? model.outputTokensMax), model.outputTokensMax);
  const reply = composeReply({ ...ask, seed, script, outputTokensMax });
  const plan = planOf(reply, outputTokensMax);
  const outputTokens = reply.outputTokens + countTokens(plan);
  const counted = countUsage({ input, outputTokens, directives: ask.directives, script });
  const usage = script.usage === 'none' ? undefined : counted;
  const head: CohereHead = {
    id: uuidFrom(seed.digest),
    plan,
    logprobs: request['logprobs'] === true,
    document: cites(request) ? firstDocument(request) : undefined,
    finish: script.finish,
  };
  const streamed = stream === true;
  return {
    status: 200,
    headers: streamed ? eventStreamHeaders : jsonHeaders,
    frames: streamed ? writeCohereStream(head, reply, usage) : [writeWholeCohere(head, reply, usage)],
    streamed,
    provider: 'cohere',
  };
}

/** GET /v1/models and /v1/models/{name}, where Cohere's are meant. Throws Refusal. */
export function answerCohereModels(
  id: string | undefined,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const entry = (name: string) => {
    const model = requireModel(models, name);
    return {
      name: model.id,
      endpoints: ['chat'],
      finetuned: false,
      context_length: model.contextTokens,
      default_endpoints: [],
    };
  };
  const shown = { models: (models ?? modelsShownDefault).map(model => entry(model.id)) };
  const body = Buffer.from(JSON.stringify(id === undefined ? shown : entry(id)));
  return { status: 200, headers: jsonHeaders, frames: [body], streamed: false, provider: 'cohere' };
}

/** What the model means to do, said before its calls where it does not think. */
function planOf(reply: Reply, outputTokensMax: number): string {
  if (reply.finish !== 'tool' || reply.reasoning !== undefined) return '';
  const plan = `I will call ${reply.calls.map(call => call.name).join(', then ')}.`;
  return reply.outputTokens + countTokens(plan) > outputTokensMax ? '' : plan;
}

function firstDocument(request: CohereRequest): Json {
  const first: unknown = listOf(request['documents'])[0];
  if (typeof first === 'string') return { id: 'doc:0', document: { id: 'doc:0', content: first } };
  const { id = 'doc:0', data } = first as Json;
  return { id, document: { id, ...(data as Json) } };
}

function requireModel(models: readonly EmulatedModel[] | undefined, id: string): KnownModel {
  const model = findModel(models, id);
  if (model !== undefined) return model;
  const message = `model '${id}' not found, make sure the correct model ID was used and that you have access to the model.`;
  throw new Refusal(404, 'not found', message);
}

function checkContext(inputTokens: number, model: KnownModel): void {
  if (inputTokens <= model.contextTokens) return;
  const message = `too many tokens: total number of tokens in the prompt cannot exceed ${model.contextTokens} - received ${inputTokens}. Try using a shorter prompt, or a smaller max_tokens value.`;
  throw new Refusal(400, 'invalid', message, { code: tooManyTokens });
}

function uuidFrom(digest: string): string {
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `4${digest.slice(12, 15)}`,
    `8${digest.slice(15, 18)}`,
    digest.slice(18, 30),
  ].join('-');
}

interface Counted {
  readonly input: InputTokens;
  readonly outputTokens: number;
  readonly directives: Directives;
  readonly script: ScriptContent;
}

/** Input tokens include what was cached. A script's numbers are reported as they are. */
function countUsage({ input, outputTokens, directives, script }: Counted): CohereUsage {
  const cached = script.cacheRead ?? directives.cacheRead ?? 0;
  const total = script.reportInput ?? Math.max(input.total, cached);
  return {
    billedInput: Math.min(input.billed, total),
    input: total,
    output: script.reportOutput ?? outputTokens,
    cached,
  };
}
