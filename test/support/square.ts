import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import {
  type Base,
  type Changes,
  type Difference,
  type Feature,
  readBases,
  type Spelling,
} from '../../docs/dialect-square.ts';
import { LossLedger } from '../../src/completion/loss.ts';
import type { DialectName } from '../../src/completion/request.ts';
import { fitCallId } from '../../src/dialects/call-ids.ts';
import type { AnswerContext, Dialect, PathFacts, RequestTarget } from '../../src/dialects/dialect.ts';
import { plainForm, restoreAnswer, restoreStream } from '../../src/dialects/lower/answer-form.ts';
import { StateSeal } from '../../src/dialects/opaque-state.ts';
import { dialects } from '../../src/dialects/registry.ts';
import { readRequest, type WrittenRequest, writeRequest } from '../../src/dialects/translate.ts';
import { openReasoning } from '../../src/gateway/open-reasoning.ts';
import { profileOf } from '../../src/gateway/profiles.ts';
import { nothingRecalled } from '../../src/gateway/recall-reasoning.ts';
import { ReasoningSealer, SealingEncoder } from '../../src/gateway/seal-reasoning.ts';
import { providerOf } from '../../src/providers/registry.ts';
import { binaryEvent, readBinaryEvents } from './event-stream.ts';

/** A dialect's spellings as wire bytes, and the gateway's way from one dialect to another. */

const bases = readBases();

/** In the body, or in the path where the dialect has them there. */
export interface SpelledRequest {
  readonly body: Buffer;
  readonly named: PathFacts | undefined;
}

const modelInPath: ReadonlySet<DialectName> = new Set(['gemini', 'bedrock-converse']);
export const requestedModel = 'acme/square';
export const exchangeId = 'square';

export function spelledRequest(dialect: DialectName, { request = {} }: Spelling): SpelledRequest {
  const { $stream: stream = false, ...changes } = request;
  const body = changed(bases[dialect].request, changes);
  return {
    body: Buffer.from(JSON.stringify(body)),
    named: modelInPath.has(dialect) ? { requestedModel, stream: stream === true, streamForm: 'events' } : undefined,
  };
}

/** What a provider of the dialect is to get: its own spelling, but for what is declared. */
export function expectedRequest(dialect: DialectName, spelling: Spelling, difference: Difference): unknown {
  const { $stream: _, ...changes } = spelling.request ?? {};
  const own = changed(bases[dialect].request, changes);
  const named = modelInPath.has(dialect) ? own : changed(own, { model: targetModelOf(dialect, spelling) });
  return changed(named, difference.request);
}

function targetModelOf(dialect: DialectName, { model }: Spelling): string {
  return model ?? bases[dialect].model;
}

export function targetOf(dialect: DialectName, spelling: Spelling): RequestTarget {
  const { kind } = bases[dialect];
  const targetModel = targetModelOf(dialect, spelling);
  const { streamOptions, outputLimit } = providerOf(kind).quirks;
  const profile = profileOf(kind, dialect, targetModel);
  return { targetModel, outputTokensMax: 4096, outputLimitField: outputLimit, streamOptions, profile };
}

/** The whole way of a request, as the gateway walks it. */
export function sendAcross(
  client: Dialect,
  given: SpelledRequest,
  provider: Dialect,
  spelling: Spelling,
): WrittenRequest {
  const target = targetOf(provider.name, spelling);
  const read = readRequest(client, given.body, given.named);
  const maker = { dialect: provider.name, kind: bases[provider.name].kind, targetModel: target.targetModel };
  const form = (target.profile ?? provider.profile).reasoning;
  const opened = openReasoning(read, { maker, form, organisation: 'square' }, nothingRecalled, states);
  return writeRequest(opened, provider, target);
}

const states = {
  seal: new StateSeal(createSecretKey(Buffer.alloc(32))),
  remember: () => {},
  recall: async () => nothingRecalled,
};

/** A provider's whole answer as the gateway writes it for a client of another dialect, its opaque state sealed. */
export function answerAcross(client: Dialect, body: Buffer, provider: Dialect, context: AnswerContext): Buffer {
  const events = provider.decodeAnswer(body, context.losses);
  return client.encodeAnswer(sealerOf(client, provider, context).passAll(restoreAnswer(events, plainForm)), context);
}

export function streamAcross(client: Dialect, body: Buffer, provider: Dialect, context: AnswerContext): Buffer {
  const decoder = restoreStream(provider.decodeStream(context.losses), plainForm);
  const encoder = new SealingEncoder(client.encodeStream(context), sealerOf(client, provider, context));
  return Buffer.concat([...decoder.push(body), ...decoder.finish()].map(event => encoder.push(event)));
}

function sealerOf(client: Dialect, provider: Dialect, { losses }: AnswerContext): ReasoningSealer {
  const { kind, model } = bases[provider.name];
  return new ReasoningSealer({
    states,
    maker: { dialect: provider.name, kind, targetModel: model },
    organisation: 'square',
    hidesText: false,
    // As receiver-for.ts has it.
    sealsText: client.name === 'openai-chat' || client.name === 'gemini',
    shownId: id => fitCallId(id, client.profile.callIds),
    losses,
  });
}

export function dialectOf(name: DialectName): Dialect | undefined {
  return dialects.get(name);
}

export function answerContext(streamUsage = true): AnswerContext {
  return {
    exchangeId,
    targetModel: 'served',
    createdAtMs: 1_700_000_000_000,
    streamUsage,
    nowMs: () => 1_700_000_000_000,
    inputTokensEstimate: 12,
    losses: new LossLedger(),
  };
}

/** A whole answer as its dialect spells it, for clients or as a provider's own. */
export function spelledAnswer(dialect: DialectName, changes: Changes, told = false): unknown {
  const { answer, told: toldChanges } = bases[dialect];
  return changed(told ? changed(answer, toldChanges ?? {}) : answer, changes);
}

/** A provider's own: what is made up is there. */
export function toldAnswer(dialect: DialectName, changes: Changes): Buffer {
  return Buffer.from(JSON.stringify(asProvider(withNative(spelledAnswer(dialect, changes, true), undefined))));
}

export function toldStream(dialect: DialectName, stream: readonly unknown[], answer: Changes | undefined): Buffer {
  return framed(
    dialect,
    spelledStream(dialect, stream, answer, true).map(event => asProvider(withNative(event, undefined))),
  );
}

/** A stream's events, forms and all. */
export function spelledStream(
  dialect: DialectName,
  stream: readonly unknown[],
  answer: Changes | undefined,
  told = false,
): unknown[] {
  const base = bases[dialect];
  const whole = spelledAnswer(dialect, answer ?? {}, told);
  const places = { $answer: whole, $begun: changed(whole, base.begun ?? {}) };
  const events = stream.flatMap(entry => expanded(entry, base, places));
  return events.map((event, number) => filled(event, { $n: number }));
}

function expanded(entry: unknown, { forms }: Base, places: Readonly<Record<string, unknown>>): readonly unknown[] {
  const { name, values } = formOf(entry);
  if (name === undefined) return [filled(entry, places)];
  const form = forms?.[name];
  assert.ok(form !== undefined, `there is no form ${name}`);
  const given = Object.fromEntries(values.map((value, index) => [`$${index}`, value]));
  return form.map(event => filled(event, { ...places, ...given }));
}

/** `["text", 0, "Hello"]`. Anything else is an event as it is. */
function formOf(entry: unknown): { readonly name: string | undefined; readonly values: readonly unknown[] } {
  if (!Array.isArray(entry)) return { name: undefined, values: [] };
  const [name, ...values] = entry;
  return { name: String(name), values };
}

/** Strings that are a place, and keys of objects that are not given. */
function filled(value: unknown, places: Readonly<Record<string, unknown>>): unknown {
  if (typeof value === 'string') return Object.hasOwn(places, value) ? places[value] : value;
  if (Array.isArray(value)) return value.map(entry => filled(entry, places));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filled(inner, places)]));
}

/** A copy with values put at their dotted paths. */
export function changed(value: unknown, changes: Changes): unknown {
  const copy = structuredClone(value);
  for (const [path, put] of Object.entries(changes)) {
    const names = path.split('.');
    const last = names.pop()!;
    // The casts are true: the files are objects and lists all the way, and a wrong one fails here.
    let at = copy as Record<string, unknown>;
    for (const name of names) at = (at[name] ??= {}) as Record<string, unknown>;
    if (put === '$absent') delete at[last];
    else at[last] = structuredClone(put);
  }
  return copy;
}

/** `$native` becomes the provider's own word; where it has none, nothing stands there. */
export function withNative(value: unknown, native: string | undefined): unknown {
  return JSON.parse(JSON.stringify(value), (_, inner) => (inner === '$native' ? native : inner));
}

/** `$made:…` stands for whatever the writer made up: the same for the same name. */
export function bound(expected: unknown, actual: unknown, made = new Map<string, unknown>()): unknown {
  if (typeof expected === 'string' && expected.startsWith('$made:')) {
    if (!made.has(expected) && typeof actual === 'string' && actual !== '') made.set(expected, actual);
    return made.get(expected) ?? expected;
  }
  if (Array.isArray(expected)) {
    return expected.map((value, index) => bound(value, Array.isArray(actual) ? actual[index] : undefined, made));
  }
  if (typeof expected !== 'object' || expected === null) return expected;
  const other = typeof actual === 'object' && actual !== null ? (actual as Record<string, unknown>) : {};
  return Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, bound(value, other[name], made)]));
}

/** As a provider would have made them up. */
function asProvider(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('$made:', 'made-'));
}

/** Events as their dialect frames them. */
function framed(dialect: DialectName, events: readonly unknown[]): Buffer {
  return Buffer.concat(events.map(event => frame(dialect, event)));
}

function frame(dialect: DialectName, event: unknown): Buffer {
  const fields = event as Record<string, unknown>;
  const json = typeof event === 'string' ? event : JSON.stringify(event);
  switch (dialect) {
    case 'bedrock-converse':
      return binaryEvent(fields);
    case 'gemini':
      return Buffer.from(`data: ${json}\r\n\r\n`);
    case 'openai-chat':
      return Buffer.from(`data: ${json}\n\n`);
    default:
      return Buffer.from(
        typeof event === 'string' ? `data: ${json}\n\n` : `event: ${fields['type']}\ndata: ${json}\n\n`,
      );
  }
}

/** The inverse; the name of an event must be its type. */
export function unframed(dialect: DialectName, bytes: Buffer): unknown[] {
  if (dialect === 'bedrock-converse') return readBinaryEvents(bytes);
  return bytes
    .toString()
    .split(/\r?\n\r?\n/)
    .filter(text => text !== '')
    .map(text => {
      const name = /^event: (.*)$/m.exec(text)?.[1]?.trim();
      const data = /^data: (.*)$/m.exec(text)?.[1]?.trim() ?? '';
      const value: unknown = data.startsWith('{') ? JSON.parse(data) : data;
      const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
      if (dialect === 'openai-chat' || dialect === 'gemini') assert.equal(name, undefined, text);
      else if (type !== undefined) assert.equal(name, type, text);
      return value;
    });
}

/** `code;path`, with the client's own place where only a code is declared. */
export function declaredLosses(difference: Difference, spelling: Spelling): readonly string[] {
  return difference.losses.map(loss => (loss.includes(';') ? loss : `${loss};${spelling.at}`));
}

export type { Feature };
