import { type EmulatedAnswer, jsonHeaders } from '../answer.ts';
import { type EmulatedModel, findModel, type KnownModel } from '../models.ts';
import type { Directives } from '../reply/directives.ts';
import { composeReply, type Reply } from '../reply/reply.ts';
import { seedFrom } from '../reply/seed.ts';
import type { ScriptContent } from '../script.ts';
import { invalid, refusedByTheModel } from './errors.ts';
import { halvePayload } from './frames.ts';
import { claudeName } from './model-rules.ts';
import { countInput, type InputTokens, readConverse } from './read.ts';
import { validateConverse } from './validate.ts';
import { isObject } from './wire.ts';
import { type ConverseHead, type ConverseUsage, writeConverseStream, writeWholeConverse } from './write.ts';

export interface ConverseCall {
  readonly model: string;
  readonly streamed: boolean;
}

const streamHeaders = ['content-type', 'application/vnd.amazon.eventstream'];

/** POST /model/{model}/converse and …/converse-stream. Throws Refusal. */
export function answerConverse(
  body: unknown,
  { model: id, streamed }: ConverseCall,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  const model = requireModel(models, id);
  const request = validateConverse(body, id, streamed);
  const inference = isObject(request['inferenceConfig']) ? request['inferenceConfig'] : {};
  checkLimit(inference['maxTokens'], model);
  const input = countInput(request);
  checkContext(input.total, model);

  const ask = readConverse(request);
  const seed = seedFrom(`${id}\n${JSON.stringify(request)}`);
  const outputTokensMax = Number(inference['maxTokens'] ?? model.outputTokensMax);
  const reply = composeReply({ ...ask, seed, script, outputTokensMax });
  const usage = script.usage === 'none' ? undefined : countUsage(input, reply, ask.directives, script);
  const performance = isObject(request['performanceConfig']) ? request['performanceConfig'] : {};
  const tier = isObject(request['serviceTier']) ? request['serviceTier'] : {};
  const head: ConverseHead = {
    model: id,
    redacted: ask.directives.redactThinking,
    serviceTier: script.tier ?? textOrNone(tier['type']),
    latency: textOrNone(performance['latency']),
    finish: script.finish,
  };
  if (!streamed) return whole(writeWholeConverse(head, reply, usage));
  return {
    status: 200,
    headers: streamHeaders,
    frames: writeConverseStream(head, reply, usage),
    streamed: true,
    provider: 'bedrock',
    malformed: halvePayload,
  };
}

/** POST /model/{model}/count-tokens, of what would be said by converse. Throws Refusal. */
export function answerBedrockCount(
  body: unknown,
  id: string,
  script: ScriptContent,
  models: readonly EmulatedModel[] | undefined,
): EmulatedAnswer {
  requireModel(models, id);
  const input = isObject(body) && isObject(body['input']) ? body['input']['converse'] : undefined;
  if (!isObject(input)) throw invalid('The input must set one of the following keys: converse, invokeModel.');
  const inputTokens = script.reportInput ?? countInput(validateConverse(input, id, false)).total;
  return whole(Buffer.from(JSON.stringify({ inputTokens })));
}

function whole(body: Buffer): EmulatedAnswer {
  return { status: 200, headers: jsonHeaders, frames: [body], streamed: false, provider: 'bedrock' };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function requireModel(models: readonly EmulatedModel[] | undefined, id: string): KnownModel {
  const model = findModel(models, id);
  if (model === undefined) throw invalid('The provided model identifier is invalid.');
  return model;
}

function checkLimit(asked: unknown, model: KnownModel): void {
  if (typeof asked !== 'number' || asked <= model.outputTokensMax) return;
  throw invalid(
    `The maximum tokens you requested exceeds the model limit of ${model.outputTokensMax}. Try again with a maximum tokens value that is lower than ${model.outputTokensMax}.`,
  );
}

function checkContext(inputTokens: number, model: KnownModel): void {
  if (inputTokens <= model.contextTokens) return;
  if (claudeName(model.id) === undefined) throw invalid('Input is too long for requested model.');
  throw refusedByTheModel(`prompt is too long: ${inputTokens} tokens > ${model.contextTokens} maximum`);
}

/** Input tokens exclude what was read from or written to a cache. A script's numbers are reported as they are. */
function countUsage(input: InputTokens, reply: Reply, directives: Directives, script: ScriptContent): ConverseUsage {
  const cacheRead = script.cacheRead ?? directives.cacheRead ?? 0;
  const cacheWrite5m = script.cacheWrite5m ?? directives.cacheWrite5m ?? input.cacheWrite5m;
  const cacheWrite1h = script.cacheWrite1h ?? directives.cacheWrite1h ?? input.cacheWrite1h;
  return {
    inputTokens: script.reportInput ?? Math.max(0, input.total - cacheRead - cacheWrite5m - cacheWrite1h),
    outputTokens: script.reportOutput ?? reply.outputTokens,
    cacheRead,
    cacheWrite5m,
    cacheWrite1h,
  };
}
