import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSilent, pathFacts } from '../../test/support/dialect-rows.ts';
import { anyAnswer, anyRequest, finishReasons } from '../../test/support/middle.ts';
import type { CompletionEvent } from '../completion/event.ts';
import { Fault, type FaultCode, faults } from '../completion/fault.ts';
import { foldEvents } from '../completion/fold.ts';
import { LossLedger } from '../completion/loss.ts';
import type { DialectProfile } from '../completion/profile.ts';
import type { Block, CompletionRequest, DialectName } from '../completion/request.ts';
import { checkStream } from '../completion/stream-laws.ts';
import { inputTotal, outputTotal } from '../completion/usage.ts';
import { profileOf } from '../gateway/profiles.ts';
import type { AnswerContext, Dialect } from './dialect.ts';
import { lowerRequest } from './lower/lower.ts';
import { dialects } from './registry.ts';

/** What is written in a dialect and read again is what it was, but for what was declared lost. */

const profiles: Readonly<Partial<Record<DialectName, readonly DialectProfile[]>>> = {
  'openai-chat': [
    profileOf('openai', 'openai-chat', 'gpt-5.6'),
    profileOf('openai', 'openai-chat', 'gpt-4o'),
    profileOf('openai-compatible', 'openai-chat', 'llama'),
  ],
  'openai-responses': [
    profileOf('openai', 'openai-responses', 'gpt-5.6'),
    profileOf('openai', 'openai-responses', 'gpt-4o'),
    profileOf('openai-compatible', 'openai-responses', 'llama'),
  ],
  'anthropic-messages': [
    profileOf('anthropic', 'anthropic-messages', 'claude-opus-4-8'),
    profileOf('anthropic', 'anthropic-messages', 'claude-sonnet-4-5'),
    profileOf('anthropic', 'anthropic-messages', 'claude-3-haiku-20240307'),
  ],
  'bedrock-converse': [
    profileOf('bedrock', 'bedrock-converse', 'anthropic.claude-opus-4-8'),
    profileOf('bedrock', 'bedrock-converse', 'amazon.nova-2-lite-v1:0'),
    profileOf('bedrock', 'bedrock-converse', 'meta.llama3-3-70b-instruct-v1:0'),
  ],
  gemini: [
    profileOf('gemini', 'gemini', 'gemini-3-flash-preview'),
    profileOf('gemini', 'gemini', 'gemini-2.5-flash'),
    profileOf('gemini', 'gemini', 'gemini-2.0-flash'),
  ],
  'cohere-chat': [
    profileOf('cohere', 'cohere-chat', 'command-a-plus-05-2026'),
    profileOf('cohere', 'cohere-chat', 'command-a-vision-07-2025'),
    profileOf('cohere', 'cohere-chat', 'command-r-plus-08-2024'),
  ],
};

interface Sent {
  readonly lowered: CompletionRequest;
  readonly body: Buffer;
  /** Of writing alone. */
  readonly losses: LossLedger;
}

/** undefined when it is refused by name. */
function send(request: CompletionRequest, dialect: Dialect, profile: DialectProfile): Sent | undefined {
  const losses = new LossLedger();
  try {
    const lowered = lowerRequest(request, profile, dialect.name, new LossLedger()).request;
    const target = { targetModel: request.requestedModel, outputTokensMax: 4096, profile };
    return { lowered, body: dialect.encodeRequest(lowered, target, losses), losses };
  } catch (fault) {
    assert.ok(fault instanceof Fault, String((fault as Error).stack));
    assert.ok(['translation_unsupported', 'media_fetch_refused'].includes(fault.code), fault.code);
    assert.ok(fault.parameter !== undefined);
    return undefined;
  }
}

for (const dialect of dialects.values()) {
  test(`${dialect.name}: a request that was written is read as it was, and written again the same`, () => {
    const seen = { refused: 0, silent: 0, compared: 0 };
    fc.assert(
      fc.property(anyRequest, fc.constantFrom(...profiles[dialect.name]!), (request, profile) => {
        const sent = send(request, dialect, profile);
        if (sent === undefined) {
          seen.refused += 1;
          return;
        }
        const body = JSON.parse(sent.body.toString());
        if (isSilent(dialect.name, body)) {
          seen.silent += 1;
          return;
        }
        seen.compared += 1;

        const named = pathFacts(dialect.name, request.requestedModel, request.stream);
        const read = dialect.decodeRequest(sent.body, new LossLedger(), named);
        const again = send(read, dialect, profile);

        assert.deepEqual(JSON.parse(again!.body.toString(), withoutLifetimes), withoutLifetimesOf(body));
        if (sent.losses.losses.length === 0) assert.deepEqual(contentOf(read), contentOf(sent.lowered));
        assert.deepEqual(controlsOf(read), controlsOf(sent.lowered));
      }),
      { numRuns: 1_500, seed: 11 },
    );
    // Dialects that take media as bytes only refuse more.
    assert.ok(seen.compared > 400, JSON.stringify(seen));
  });
}

/** Lifetimes of cache marks follow one another, and written out they are some that the client left open. */
function withoutLifetimes(name: string, value: unknown): unknown {
  return name === 'ttl' ? undefined : value;
}

function withoutLifetimesOf(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), withoutLifetimes);
}

/** Everything that is said, wherever a dialect puts it. */
function contentOf({ turns }: CompletionRequest): readonly string[] {
  return turns.flatMap(({ role, blocks }) => blocks.flatMap(block => saidIn(block, role))).sort();
}

function saidIn(block: Block, role: string): readonly string[] {
  switch (block.type) {
    case 'text':
      return block.text.trim() === '' ? [] : [`${role} ${block.text}`];
    case 'call':
      return [`call ${block.id} ${block.name} ${argumentsOf(block.argumentsText)}`];
    case 'result':
      return [`result ${block.callId}`, ...block.blocks.flatMap(inner => saidIn(inner, 'result'))];
    case 'media':
      return block.source.type === 'text' || block.source.type === 'blocks' ? [] : [JSON.stringify(block.source)];
    case 'reasoning':
      return [];
  }
}

/** As one text, however its dialect spells it; nothing is no argument. */
function argumentsOf(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text === '' ? '{}' : text));
  } catch {
    return text;
  }
}

/** Those that every dialect has, and no model's rules change. */
function controlsOf(request: CompletionRequest): unknown {
  const { stream, stop, endUser, requestedModel } = request;
  return { stream, stop, endUser, requestedModel, tools: request.tools.map(({ name }) => name) };
}

test('every block and control of the middle is among the requests tried', () => {
  const seen = new Map<string, number>();
  const note = (name: string) => seen.set(name, (seen.get(name) ?? 0) + 1);
  const noteBlock = (block: Block): void => {
    note(block.type);
    if (block.type === 'media') note(`${block.kind} ${block.source.type}`);
    if (block.type === 'result') block.blocks.forEach(noteBlock);
  };
  for (const request of fc.sample(anyRequest, { numRuns: 1_000, seed: 11 })) {
    for (const [name, value] of Object.entries(request)) if (value !== undefined) note(name);
    for (const name of Object.keys(request.sampling)) note(name);
    for (const { role, blocks } of request.turns) {
      note(role);
      blocks.forEach(noteBlock);
    }
  }
  const names = [
    ...'system user assistant text media reasoning call result temperature topP topK seed'.split(' '),
    ...'frequencyPenalty presencePenalty requestedModel stream streamUsage turns outputTokensMax sampling'.split(' '),
    ...'stop tools toolChoice parallelToolCalls endUser answers logprobs output verbosity reasoning'.split(' '),
    ...'cache serviceTier metadata continuesAssistant legacyFunctions'.split(' '),
    ...['image url', 'image base64', 'document base64', 'document text', 'document blocks', 'document file'],
    'audio base64',
  ];
  assert.deepEqual(
    names.filter(name => (seen.get(name) ?? 0) < 20),
    [],
  );
});

function contextOf(): AnswerContext {
  return {
    exchangeId: 'ex_1',
    targetModel: 'served',
    createdAtMs: 0,
    streamUsage: true,
    inputTokensEstimate: 7,
    losses: new LossLedger(),
  };
}

/** As the dialect's streams and whole answers tell it. */
function reread(events: readonly CompletionEvent[], dialect: Dialect) {
  const streamed = contextOf();
  const encoder = dialect.encodeStream(streamed);
  const decoder = dialect.decodeStream(new LossLedger());
  const stream = Buffer.concat(events.map(event => encoder.push(event)));
  const whole = contextOf();
  const answer = dialect.encodeAnswer(events, whole);
  return {
    stream: [...decoder.push(stream), ...decoder.finish()],
    streamLosses: streamed.losses.losses.map(({ code }) => code),
    whole: dialect.decodeAnswer(answer, new LossLedger()),
    wholeLosses: whole.losses.losses.map(({ code }) => code),
  };
}

for (const dialect of dialects.values()) {
  test(`${dialect.name}: an answer that was written is read as it was, streamed and whole`, () => {
    fc.assert(
      fc.property(anyAnswer, events => {
        checkStream(events);
        const { stream, streamLosses, whole, wholeLosses } = reread(events, dialect);
        checkStream(stream);
        checkStream(whole);

        const said = answerOf(events, dialect);

        assert.deepEqual(
          told(answerOf(stream, dialect), streamLosses),
          told(withLosses(said, streamLosses, dialect), streamLosses),
        );
        assert.deepEqual(
          told(answerOf(whole, dialect), wholeLosses),
          told(withLosses(said, wholeLosses, dialect), wholeLosses),
        );
      }),
      { numRuns: 1_500, seed: 12 },
    );
  });
}

/** Elsewhere a refusal is a text, and the explanation beside it may be read as one more. */
const refusalBlocks: ReadonlySet<DialectName> = new Set(['openai-chat', 'openai-responses']);

interface SaidAnswer {
  readonly prose: string;
  readonly thought: string;
  readonly calls: readonly string[];
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly end: string;
}

/** What a client is told: each kind of text in order, the calls, the totals, and why it ended. */
function answerOf(events: readonly CompletionEvent[], dialect: Dialect): SaidAnswer {
  const answer = foldEvents(events);
  const texts = (type: string) =>
    answer.blocks
      .filter(({ head }) => head.type === type)
      .map(block => block.text)
      .join('');
  const hasRefusals = refusalBlocks.has(dialect.name);
  const prose = answer.blocks
    .filter(({ head }) => head.type === 'text' || head.type === 'refusal')
    .map(block => block.text)
    .join('');
  const { reason, detail = '' } = answer.finish;
  // One that is said in words is an answer like any other there.
  const isSaid = dialect.name === 'cohere-chat' && answer.blocks.some(({ head }) => head.type === 'refusal');
  return {
    prose: hasRefusals ? `${texts('text')}|${texts('refusal')}` : prose.replace(detail, ''),
    thought: texts('reasoning'),
    calls: answer.blocks.flatMap(({ head, text }) =>
      head.type === 'call' ? [`${head.name} ${argumentsOf(text)}`] : [],
    ),
    input: answer.usage === undefined ? undefined : inputTotal(answer.usage),
    output: answer.usage === undefined ? undefined : outputTotal(answer.usage),
    end: isSaid && reason === 'refusal' ? 'stop' : reason,
  };
}

/** Usage that was estimated says nothing of the answer. */
function told(said: SaidAnswer, losses: readonly string[]): SaidAnswer {
  return losses.includes('usage-estimated') ? { ...said, input: undefined, output: undefined } : said;
}

/** What the middle's answer becomes by what was declared, and by the words that a dialect has for its end. */
function withLosses(said: SaidAnswer, losses: readonly string[], dialect: Dialect): SaidAnswer {
  const isWrapped = losses.includes('arguments-wrapped');
  return {
    ...said,
    calls: isWrapped ? said.calls.map(wrapped) : said.calls,
    end: ends[dialect.name]!(said),
  };
}

function wrapped(call: string): string {
  const [name = '', ...rest] = call.split(' ');
  const text = rest.join(' ');
  try {
    JSON.parse(text);
    return call;
  } catch {
    return `${name} ${JSON.stringify({ INVALID_JSON: text })}`;
  }
}

/** Chat completions have four words; after calls, `stop` means them, and after a refusal, that. */
function chatEnd({ end, calls, prose }: SaidAnswer): string {
  const hasRefusal = !prose.endsWith('|');
  if (end === 'length' || end === 'context-window') return 'length';
  if (end === 'tool-call') return end;
  if (end === 'content-filter' || (end === 'refusal' && !hasRefusal)) return 'content-filter';
  if (calls.length > 0) return 'tool-call';
  if (hasRefusal) return 'refusal';
  return end === 'stop-sequence' ? end : 'stop';
}

/** Responses have fewer still: no stop sequences. */
function responsesEnd(said: SaidAnswer): string {
  const { end, calls } = said;
  if (end === 'tool-call') return calls.length > 0 ? end : responsesEnd({ ...said, end: 'stop' });
  const word = chatEnd(said);
  return word === 'stop-sequence' ? 'stop' : word;
}

function messagesEnd({ end }: SaidAnswer): string {
  if (end === 'content-filter') return 'refusal';
  return end === 'other' ? 'stop' : end;
}

function converseEnd({ end }: SaidAnswer): string {
  if (end === 'refusal') return 'content-filter';
  return end === 'other' || end === 'pause' ? 'stop' : end;
}

/** Cohere has no word for a refusal or a pause, and one for both limits. */
function cohereEnd({ end, calls }: SaidAnswer): string {
  if (end === 'length' || end === 'context-window') return 'length';
  if (end === 'stop-sequence' || end === 'tool-call') return end;
  if (end === 'content-filter' || end === 'refusal') return 'content-filter';
  return calls.length > 0 ? 'tool-call' : 'stop';
}

/** Gemini calls every end that is none of a limit or a filter one word, after calls as well. */
function geminiEnd({ end, calls }: SaidAnswer): string {
  if (end === 'length' || end === 'context-window') return 'length';
  if (end === 'content-filter' || end === 'refusal') return 'content-filter';
  if (end === 'other' || end === 'pause') return 'other';
  return calls.length > 0 ? 'tool-call' : 'stop';
}

/** The end as the words of a dialect have it. */
const ends: Readonly<Partial<Record<DialectName, (said: SaidAnswer) => string>>> = {
  'openai-chat': chatEnd,
  'openai-responses': responsesEnd,
  'anthropic-messages': messagesEnd,
  'bedrock-converse': converseEnd,
  gemini: geminiEnd,
  'cohere-chat': cohereEnd,
};

test('every event, block and end of the middle is among the answers tried', () => {
  const seen = new Set<string>();
  for (const events of fc.sample(anyAnswer, { numRuns: 500, seed: 12 })) {
    for (const event of events) {
      seen.add(event.type);
      if (event.type === 'block-open') seen.add(`block ${event.block.type}`);
      if (event.type === 'finish') seen.add(event.finish.reason);
    }
  }
  const names = [
    ...'message-start block-open text-delta arguments-delta state block-close usage finish message-end'.split(' '),
    ...['block text', 'block refusal', 'block reasoning', 'block call', ...finishReasons],
  ];
  assert.deepEqual(
    names.filter(name => !seen.has(name)),
    [],
  );
});

/** Both APIs of one maker have the same errors. */
const readByOpenAi: readonly string[] = [
  'authentication: upstream_credential, upstream_credential',
  'context: context_overflow, context_overflow',
  'internal: upstream_error, upstream_error',
  'invalid: content_filtered, content_filtered',
  // A conflict, of the management API only.
  'invalid: upstream_error, upstream_invalid',
  'invalid: upstream_invalid, upstream_invalid',
  'not_found: upstream_not_found, upstream_invalid',
  'not_found: upstream_not_found, upstream_not_found',
  'overloaded: upstream_overloaded, upstream_error',
  'permission: upstream_credential, upstream_invalid',
  'quota: upstream_quota, upstream_quota',
  'rate: upstream_rate_limited, upstream_rate_limited',
  'timeout: upstream_first_byte_timeout, upstream_error',
  // Headers over their bound.
  'too_large: upstream_invalid, upstream_invalid',
  'too_large: upstream_too_large, upstream_invalid',
  'upstream: upstream_error, upstream_error',
];

/** What a fault of ours is to whoever reads it as a provider's: its class, as an answer and in a stream. A wire without a
 *  status has fewer words: chat completions call whatever is the client's to mend an invalid request. */
const readAs: Readonly<Partial<Record<DialectName, readonly string[]>>> = {
  'openai-chat': readByOpenAi,
  'openai-responses': readByOpenAi,
  'anthropic-messages': [
    'authentication: upstream_credential, upstream_credential',
    'context: context_overflow, context_overflow',
    'internal: upstream_error, upstream_error',
    'invalid: upstream_error, upstream_invalid',
    'invalid: upstream_invalid, upstream_invalid',
    'not_found: upstream_not_found, upstream_not_found',
    'overloaded: upstream_overloaded, upstream_overloaded',
    'permission: upstream_credential, upstream_credential',
    'quota: upstream_quota, upstream_quota',
    'rate: upstream_rate_limited, upstream_rate_limited',
    'timeout: upstream_first_byte_timeout, upstream_first_byte_timeout',
    'too_large: upstream_too_large, upstream_too_large',
    'upstream: upstream_error, upstream_error',
  ],
  // Streams have five exceptions only.
  'bedrock-converse': [
    'authentication: upstream_credential, upstream_invalid',
    'context: context_overflow, context_overflow',
    'internal: upstream_error, upstream_error',
    'invalid: upstream_error, upstream_invalid',
    'invalid: upstream_invalid, upstream_invalid',
    'not_found: upstream_not_found, upstream_invalid',
    'overloaded: upstream_overloaded, upstream_overloaded',
    'permission: upstream_credential, upstream_invalid',
    'quota: upstream_quota, upstream_rate_limited',
    'rate: upstream_rate_limited, upstream_rate_limited',
    'timeout: upstream_first_byte_timeout, upstream_error',
    'too_large: upstream_invalid, upstream_invalid',
    'too_large: upstream_too_large, upstream_invalid',
    'upstream: upstream_error, upstream_error',
  ],
  gemini: [
    'authentication: upstream_credential, upstream_credential',
    'context: context_overflow, context_overflow',
    'internal: upstream_error, upstream_error',
    'invalid: upstream_error, upstream_error',
    'invalid: upstream_invalid, upstream_invalid',
    'not_found: upstream_not_found, upstream_not_found',
    'overloaded: upstream_overloaded, upstream_overloaded',
    'permission: upstream_credential, upstream_credential',
    'quota: upstream_quota, upstream_quota',
    'rate: upstream_rate_limited, upstream_rate_limited',
    'timeout: upstream_first_byte_timeout, upstream_first_byte_timeout',
    'too_large: upstream_invalid, upstream_invalid',
    'too_large: upstream_too_large, upstream_too_large',
    'upstream: upstream_error, upstream_error',
  ],
  // In a stream it is a sentence.
  'cohere-chat': [
    'authentication: upstream_credential, upstream_error',
    'context: context_overflow, context_overflow',
    'internal: upstream_error, upstream_error',
    'invalid: upstream_error, upstream_error',
    'invalid: upstream_invalid, upstream_error',
    'not_found: upstream_not_found, upstream_error',
    'overloaded: upstream_overloaded, upstream_error',
    'permission: upstream_credential, upstream_error',
    'quota: upstream_quota, upstream_error',
    'rate: upstream_rate_limited, upstream_error',
    'timeout: upstream_first_byte_timeout, upstream_first_byte_timeout',
    'too_large: upstream_invalid, upstream_error',
    'too_large: upstream_too_large, upstream_error',
    'upstream: upstream_error, upstream_error',
  ],
};

function pairsOf(raw: readonly string[]): Record<string, string> {
  return Object.fromEntries(raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1]!]] : [])));
}

for (const dialect of dialects.values()) {
  test(`${dialect.name}: a fault that was written is read as one of its kind, as an answer and in a stream`, () => {
    const read = new Set<string>();
    for (const code of Object.keys(faults) as FaultCode[]) {
      const fault = new Fault(code);
      const { status, body, headers = [] } = dialect.encodeFault(fault, { exchangeId: 'ex_1' });
      const answer = dialect.decodeFault({ status, body, headers: pairsOf(headers), nowMs: 0 });
      const decoder = dialect.decodeStream(new LossLedger());
      const last = decoder.push(dialect.encodeStreamFault(fault, { exchangeId: 'ex_1' })).at(-1);
      read.add(`${fault.class}: ${answer.code}, ${last?.type === 'error' ? last.fault.code : 'none'}`);
    }

    assert.deepEqual([...read].sort(), readAs[dialect.name]);
  });
}
