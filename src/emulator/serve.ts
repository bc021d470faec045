import type { IncomingMessage, ServerResponse } from 'node:http';
import { type EmulatedAnswer, type ProviderName, Refusal } from './answer.ts';
import { answerEndpoint } from './answer-endpoint.ts';
import { anthropicManner } from './anthropic/manner.ts';
import { bedrockManner } from './bedrock/manner.ts';
import { cohereManner } from './cohere/manner.ts';
import type { Concurrency } from './concurrency.ts';
import { type Endpoint, findEndpoint } from './endpoint.ts';
import { geminiManner } from './gemini/manner.ts';
import { createProviderHeaders, overrideHeaders } from './headers.ts';
import type { Manner } from './manner.ts';
import type { EmulatedModel } from './models.ts';
import { openaiManner } from './openai/manner.ts';
import { type Outcome, play } from './play.ts';
import { forgetful, type OpenRecord, type Recorder } from './recorder.ts';
import { type ReplayedAnswer, replayAnswer } from './replay.ts';
import { collectBody, createBodyReader, type KnownBody } from './request-body.ts';
import { responsesManner } from './responses/manner.ts';
import type { Scripts } from './rules.ts';
import { noScript, type Script, ScriptError, type ScriptFailure, writeHeaderValue } from './script.ts';

export interface ProviderCore {
  readonly models: readonly EmulatedModel[] | undefined;
  /** undefined accepts any key that is not empty. */
  readonly apiKeys: readonly string[] | undefined;
  readonly scripts: Scripts;
  /** undefined when recording is off. */
  readonly recorder: Recorder | undefined;
  readonly nowMs: () => number;
  readonly counts: EmulatorCounts;
  readonly concurrency: Concurrency;
  /** Sent to every request that carries a key, instead of an answer of the emulator's own. */
  readonly replayed: () => ReplayedAnswer | undefined;
}

export interface EmulatorCounts {
  requests: number;
  answersOpen: number;
  /** Answers whose client left before their end. */
  clientAborts: number;
  /** Answers that a script broke off. */
  broken: number;
}

/** Anthropic documents 32 MB for a request; the emulator holds all providers to it. */
const bodyBytesMax = 32 * 1024 * 1024;
const answersPerBodyMax = 16;
const answerFramesKeptMax = 1_000;
const answerBytesKeptMax = 256 * 1024;

const manners: Readonly<Record<ProviderName, Manner>> = {
  openai: openaiManner,
  responses: responsesManner,
  anthropic: anthropicManner,
  gemini: geminiManner,
  bedrock: bedrockManner,
  cohere: cohereManner,
};

/** Plays all providers on one listener: read, choose a script, answer, and play the answer as the script says. */
export function createProviderHandler(
  core: ProviderCore,
): (request: IncomingMessage, response: ServerResponse) => void {
  const providerHeaders = createProviderHeaders(core.nowMs);
  const readBody = createBodyReader();
  const idPrefix = core.nowMs().toString(36);

  return (request, response) => {
    core.counts.requests += 1;
    core.counts.answersOpen += 1;
    const requestId = `req_${idPrefix}${core.counts.requests.toString(36).padStart(8, '0')}`;
    let record = forgetful;
    let open = true;
    let leave = () => {};
    const ended = (outcome: Outcome) => {
      if (!open) return;
      open = false;
      core.counts.answersOpen -= 1;
      leave();
      if (outcome === 'client-aborted') core.counts.clientAborts += 1;
      if (outcome === 'broken') core.counts.broken += 1;
      record.ended(outcome);
    };
    response.once('close', () => ended('client-aborted'));

    collectBody(request, bodyBytesMax, bytes => {
      const { headers } = request;
      const endpoint = findEndpoint(request.method!, request.url!, headers);
      const body = bytes === undefined ? undefined : readBody(bytes);
      // A client that left while it was sending is not served.
      if (!open) return;
      const model = endpoint.model ?? body?.model ?? '';
      leave = core.concurrency.enter(model);
      const { script, answer } = decide(core, { request, endpoint, model, body, requestId });
      record = openRecord(core.recorder, request, bytes, script);
      play({
        response,
        answer,
        headers: answerHeaders(providerHeaders(endpoint.provider, requestId), answer, script, core.nowMs),
        script,
        record,
        ended,
        errorFrame: errorFrame(answer, script, requestId),
      });
    });
  };
}

interface Arrived {
  readonly request: IncomingMessage;
  readonly endpoint: Endpoint;
  /** Of the path, or of the body. */
  readonly model: string;
  readonly body: KnownBody | undefined;
  readonly requestId: string;
}

interface Decision {
  readonly script: Script;
  readonly answer: EmulatedAnswer;
}

function decide(core: ProviderCore, { request, endpoint, model, body, requestId }: Arrived): Decision {
  const manner = manners[endpoint.provider];
  const { headers } = request;
  let script = noScript;
  try {
    if (body === undefined) throw manner.tooLarge();
    const keyed = { method: request.method!, url: request.url!, headers, body: body.bytes, nowMs: core.nowMs() };
    const version = manner.checkKey(keyed, core.apiKeys);
    const header = headers['x-carrier-emulate'];
    script = core.scripts.choose(typeof header === 'string' ? header : undefined, model);
    if (script.failure !== undefined) return { script, answer: fail(endpoint.provider, script.failure, requestId) };
    const replayed = core.replayed();
    if (replayed !== undefined) return { script, answer: replayAnswer(replayed, endpoint.provider) };
    const key = `${endpoint.name} ${endpoint.path} ${version?.version} ${version?.beta} ${script.text}`;
    const known = body.answers.get(key);
    if (known !== undefined) return { script, answer: known };
    const json = () => {
      if (body.json === undefined) throw manner.notJson();
      return body.json;
    };
    const answer = answerEndpoint({ endpoint, manner, json, script: script.content, models: core.models, version });
    if (body.answers.size < answersPerBodyMax && isSmall(answer)) body.answers.set(key, answer);
    return { script, answer };
  } catch (error) {
    if (error instanceof Refusal) return { script, answer: manner.refuse(error, requestId) };
    if (!(error instanceof ScriptError)) throw error;
    const refusal = new Refusal(400, 'invalid_request_error', `x-carrier-emulate: ${error.message}`);
    return { script, answer: manner.refuse(refusal, requestId) };
  }
}

function isSmall(answer: EmulatedAnswer): boolean {
  if (answer.frames.length > answerFramesKeptMax) return false;
  return answer.frames.reduce((bytes, frame) => bytes + frame.length, 0) <= answerBytesKeptMax;
}

function fail(provider: ProviderName, failure: ScriptFailure, requestId: string): EmulatedAnswer {
  const bare = (contentType: string, text: string): EmulatedAnswer => ({
    status: failure.status,
    headers: ['content-type', contentType],
    frames: [Buffer.from(text)],
    streamed: false,
    provider,
  });
  switch (failure.form) {
    case 'html':
      return bare('text/html', `<html><head><title>${failure.status}</title></head><body>cloudy</body></html>\n`);
    case 'text':
      return bare('text/plain', failure.message ?? 'upstream connect error');
    case 'empty':
      return bare('text/plain', '');
    case 'json':
      return manners[provider].refuse(manners[provider].failure(failure), requestId);
  }
}

function answerHeaders(
  common: readonly string[],
  answer: EmulatedAnswer,
  script: Script,
  nowMs: () => number,
): string[] {
  const headers = answer.verbatim ? [...answer.headers] : [...common, ...answer.headers];
  if (script.headers.length === 0) return headers;
  return overrideHeaders(
    headers,
    script.headers.map(header => [header.name, writeHeaderValue(header.value, nowMs())] as const),
  );
}

function errorFrame(answer: EmulatedAnswer, script: Script, requestId: string): Buffer {
  if (script.breakOff?.kind !== 'error') return nothing;
  return manners[answer.provider].errorFrame(script.breakOff, answer, requestId);
}

const nothing = Buffer.alloc(0);

function openRecord(
  recorder: Recorder | undefined,
  request: IncomingMessage,
  body: Buffer | undefined,
  script: Script,
): OpenRecord {
  if (recorder === undefined) return forgetful;
  return recorder.open({
    method: request.method!,
    path: request.url!,
    httpVersion: request.httpVersion,
    rawHeaders: request.rawHeaders,
    body: body ?? nothing,
    script: script.text,
  });
}
