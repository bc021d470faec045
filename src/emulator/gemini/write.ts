import type { Reply } from '../reply/reply.ts';
import { bytesPerToken, countTokens, splitText } from '../reply/tokens.ts';
import { partialArgs } from './partial-calls.ts';
import { signThought } from './signature.ts';
import type { Json, Part } from './wire.ts';

/** What is the same for a whole answer and for every chunk of its stream. */
export interface GenerateHead {
  readonly id: string;
  readonly modelVersion: string;
  /** As the request named it; signatures are of that model. */
  readonly model: string;
  readonly vertex: boolean;
  readonly showThoughts: boolean;
  readonly callIds: boolean;
  /** Texts are signed, too, not calls alone. */
  readonly signsText: boolean;
  /** Log probabilities, with so many alternatives. */
  readonly logprobs: number | undefined;
  /** Arguments of calls come piece by piece. */
  readonly partialCalls: boolean;
  /** Raw reason that a script wants, instead of the true one. */
  readonly finish: string | undefined;
  /** Why the prompt is not answered at all. */
  readonly blocked: string | undefined;
}

export interface GenerateUsage {
  readonly prompt: number;
  readonly promptDetails: readonly Json[];
  readonly cached: number;
  readonly candidates: number;
  readonly thoughts: number;
  readonly trafficType: string | undefined;
}

const finishReasons: Readonly<Record<Reply['finish'], string>> = {
  stop: 'STOP',
  'stop-sequence': 'STOP',
  length: 'MAX_TOKENS',
  tool: 'STOP',
  refusal: 'SAFETY',
};

const textTokensPerChunk = 4;

export function writeWholeGenerate(
  head: GenerateHead,
  replies: readonly Reply[],
  usage: GenerateUsage | undefined,
): Buffer {
  const body = response(head, candidatesOf(head, replies), usage && usageOf(usage, usage.candidates, true));
  return Buffer.from(`${JSON.stringify(body, null, 2)}\n`);
}

function candidatesOf(head: GenerateHead, replies: readonly Reply[]): Json[] {
  return replies.map((reply, index) => {
    const parts = wholeParts(head, reply);
    return {
      ...(parts.length === 0 ? {} : { content: { parts, role: 'model' } }),
      ...endingOf(head, reply),
      index,
      ...logprobsOf(head, reply.refused ? '' : reply.text),
    };
  });
}

function response(head: GenerateHead, candidates: readonly Json[], usage: Json | undefined): Json {
  const answered = head.blocked === undefined;
  return {
    ...(answered ? { candidates } : { promptFeedback: { blockReason: head.blocked, safetyRatings: ratings(true) } }),
    usageMetadata: usage,
    modelVersion: head.modelVersion,
    ...(head.vertex ? { createTime: '2026-01-01T00:00:00.000000Z' } : {}),
    responseId: head.id,
  };
}

function endingOf(head: GenerateHead, reply: Reply): Json {
  const finishReason = head.finish ?? finishReasons[reply.finish];
  return { finishReason, ...(finishReason === 'SAFETY' ? { safetyRatings: ratings(true) } : {}) };
}

function ratings(blocked: boolean): Json[] {
  return [{ category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked }];
}

/** A prompt that is refused for safety has no text. */
function wholeParts(head: GenerateHead, reply: Reply): Part[] {
  const parts: Part[] = [];
  if (head.showThoughts && reply.reasoning !== undefined) parts.push({ text: reply.reasoning, thought: true });
  if (reply.text !== '' && !reply.refused) parts.push({ text: reply.text, ...textSignature(head, reply) });
  for (const [position, call] of reply.calls.entries()) {
    const opened = { name: call.name, args: call.complete ? JSON.parse(call.input) : {}, ...callId(head, call.digest) };
    parts.push({ functionCall: opened, ...callSignature(head, reply, position) });
  }
  return parts;
}

function textSignature(head: GenerateHead, reply: Reply): Json {
  return head.signsText && reply.reasoning !== undefined
    ? { thoughtSignature: signThought(reply.reasoning, head.model) }
    : {};
}

/** Parallel calls: the first only. */
function callSignature(head: GenerateHead, reply: Reply, position: number): Json {
  const signed = position === 0 && (reply.reasoning !== undefined || head.signsText);
  return signed ? { thoughtSignature: signThought(reply.reasoning ?? reply.calls[0]!.digest, head.model) } : {};
}

function callId(head: GenerateHead, digest: string): Json {
  return head.callIds ? { id: digest.slice(0, 8) } : {};
}

function usageOf(usage: GenerateUsage, candidates: number, final: boolean): Json {
  // Proto JSON leaves zeros out.
  const some = (name: string, tokens: number): Json => (tokens === 0 ? {} : { [name]: tokens });
  return {
    promptTokenCount: usage.prompt,
    ...some('cachedContentTokenCount', usage.cached),
    ...some('candidatesTokenCount', candidates),
    totalTokenCount: usage.prompt + candidates + usage.thoughts,
    promptTokensDetails: usage.promptDetails,
    ...(usage.cached === 0 ? {} : { cacheTokensDetails: [{ modality: 'TEXT', tokenCount: usage.cached }] }),
    ...(final && usage.trafficType !== undefined ? { trafficType: usage.trafficType } : {}),
    ...some('thoughtsTokenCount', usage.thoughts),
  };
}

function logprobsOf(head: GenerateHead, text: string): Json {
  if (head.logprobs === undefined) return {};
  const chosen = splitText(text, bytesPerToken).map(token => ({ token, tokenId: token.length, logProbability: -0.25 }));
  const alternatives = (one: Json) =>
    Array.from({ length: head.logprobs ?? 0 }, (_, rank) => ({ ...one, logProbability: -0.25 - rank }));
  return {
    avgLogprobs: -0.25,
    logprobsResult: { topCandidates: chosen.map(one => ({ candidates: alternatives(one) })), chosenCandidates: chosen },
  };
}

interface Chunk {
  readonly parts: readonly Part[];
  readonly text: string;
}

/** The chunks of a stream; the last of each candidate says why it ended. */
export function writeGenerateChunks(
  head: GenerateHead,
  replies: readonly Reply[],
  usage: GenerateUsage | undefined,
): Json[] {
  if (head.blocked !== undefined) return [response(head, [], usage && usageOf(usage, usage.candidates, true))];
  const lists = replies.map(reply => chunksOf(head, reply));
  const longest = Math.max(...lists.map(list => list.length));
  const written: Json[] = [];
  let candidates = 0;
  for (let position = 0; position < longest; position += 1) {
    for (const [index, list] of lists.entries()) {
      const chunk = list[position];
      if (chunk === undefined) continue;
      const final = position === longest - 1 && index === lists.findLastIndex(other => other.length === longest);
      candidates += countTokens(chunk.text);
      const ending = position === list.length - 1 ? endingOf(head, replies[index]!) : {};
      const candidate = {
        ...(chunk.parts.length === 0 ? {} : { content: { parts: chunk.parts, role: 'model' } }),
        ...ending,
        index,
        ...(chunk.text === '' ? {} : logprobsOf(head, chunk.text)),
      };
      const said = final ? (usage?.candidates ?? 0) : Math.min(candidates, usage?.candidates ?? 0);
      written.push(response(head, [candidate], usage && usageOf(usage, said, final)));
    }
  }
  return written;
}

function chunksOf(head: GenerateHead, reply: Reply): Chunk[] {
  const chunks: Chunk[] = [];
  const add = (part: Part, text = '') => chunks.push({ parts: [part], text });
  if (head.showThoughts && reply.reasoning !== undefined) {
    for (const text of splitText(reply.reasoning, textTokensPerChunk * bytesPerToken)) add({ text, thought: true });
  }
  if (!reply.refused) {
    for (const text of splitText(reply.text, textTokensPerChunk * bytesPerToken)) add({ text }, text);
    // The signature of a text comes behind it, in a part that may be empty.
    if (reply.text !== '' && head.signsText && reply.reasoning !== undefined) {
      add({ text: '', ...textSignature(head, reply) });
    }
  }
  for (const position of reply.calls.keys()) {
    for (const part of callParts(head, reply, position)) add(part);
  }
  if (chunks.length === 0) chunks.push({ parts: [], text: '' });
  return chunks;
}

function callParts(head: GenerateHead, reply: Reply, position: number): Part[] {
  const call = reply.calls[position]!;
  const args = call.complete ? JSON.parse(call.input) : {};
  const signature = callSignature(head, reply, position);
  const opened = { name: call.name, ...callId(head, call.digest) };
  if (!head.partialCalls)
    return [{ functionCall: { name: call.name, args, ...callId(head, call.digest) }, ...signature }];
  return [
    { functionCall: { ...opened, willContinue: true }, ...signature },
    ...partialArgs(args).map(arg => ({ functionCall: { partialArgs: [arg], willContinue: true } })),
    { functionCall: {} },
  ];
}

export function sseFrame(chunk: Json): Buffer {
  return Buffer.from(`data: ${JSON.stringify(chunk)}\r\n\r\n`);
}

/** One JSON list over the whole stream: entries, and a last frame that closes it. */
export function listFrames(chunks: readonly Json[]): Buffer[] {
  const entries = chunks.map((chunk, position) => `${position === 0 ? '[' : ',\r\n'}${JSON.stringify(chunk)}`);
  return [...entries, ']'].map(text => Buffer.from(text));
}
