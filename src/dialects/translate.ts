import { type Loss, LossLedger } from '../completion/loss.ts';
import type { CompletionRequest, DialectName } from '../completion/request.ts';
import { inClientWords } from './client-paths.ts';
import type { AnswerContext, Dialect, PathFacts, RequestTarget, StreamEncoder } from './dialect.ts';
import { type AnswerForm, plainForm, restoreAnswer, restoreStream } from './lower/answer-form.ts';
import { lowerRequest } from './lower/lower.ts';

/** A request of one dialect, read into the middle. */
export interface ReadRequest {
  readonly client: DialectName;
  readonly request: CompletionRequest;
  readonly losses: readonly Loss[];
}

/** The same request for one provider of another dialect. */
export interface WrittenRequest {
  readonly body: Buffer;
  /** Of reading and writing together, in that order. */
  readonly losses: readonly Loss[];
  /** What must be changed back in the answer. */
  readonly form: AnswerForm;
  /** Of the provider's dialect, names and values in turn. */
  readonly headers: readonly string[];
}

/** Reads a request once, whichever deployments are tried. Throws Fault. */
export function readRequest(client: Dialect, body: Buffer, named?: PathFacts): ReadRequest {
  const losses = new LossLedger();
  return { client: client.name, request: client.decodeRequest(body, losses, named), losses: losses.losses };
}

/** Writes what was read for one deployment. Throws Fault. */
export function writeRequest(read: ReadRequest, provider: Dialect, target: RequestTarget): WrittenRequest {
  const losses = new LossLedger();
  const { request, form } = lowerRequest(read.request, target.profile ?? provider.profile, read.client, losses);
  const body = provider.encodeRequest(request, target, losses);
  const headers = provider.requestHeaders?.(request, target) ?? [];
  return { body, losses: [...read.losses, ...inClientWords(losses.losses, read.client)], form, headers };
}

export interface TranslationPair {
  readonly client: Dialect;
  readonly provider: Dialect;
  readonly target: RequestTarget;
  /** What the client's path says, where its dialect has the model there. */
  readonly named?: PathFacts | undefined;
}

/** The whole way of a request, as the gateway walks it. Throws Fault. */
export function translateRequest(body: Buffer, { client, provider, target, named }: TranslationPair): WrittenRequest {
  return writeRequest(readRequest(client, body, named), provider, target);
}

/** A provider's whole answer in the client's dialect. Throws the fault of an answer that is none. */
export function translateAnswer(
  body: Buffer,
  { client, provider }: Pick<TranslationPair, 'client' | 'provider'>,
  context: AnswerContext,
): Buffer {
  const events = provider.decodeAnswer(body, context.losses);
  return client.encodeAnswer(restoreAnswer(events, context.form ?? plainForm), context);
}

/** A provider's whole stream in the client's dialect; a failure is the stream's last event. */
export function translateStream(
  body: Buffer,
  { client, provider }: Pick<TranslationPair, 'client' | 'provider'>,
  context: AnswerContext,
): Buffer {
  const decoder = restoreStream(provider.decodeStream(context.losses), context.form ?? plainForm);
  const encoder: StreamEncoder = client.encodeStream(context);
  return Buffer.concat([...decoder.push(body), ...decoder.finish()].map(event => encoder.push(event)));
}
