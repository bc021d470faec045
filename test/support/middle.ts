import fc from 'fast-check';
import type { BlockHead, CompletionEvent, Finish } from '../../src/completion/event.ts';
import {
  type Block,
  type CompletionRequest,
  type MediaBlock,
  type MediaSource,
  reasoningEfforts,
  serviceTiers,
  type TextBlock,
  type Turn,
} from '../../src/completion/request.ts';
import type { UsageSlices } from '../../src/completion/usage.ts';

/** Anything that the middle can hold: requests and answers with every block, control and event. */

const text = fc.oneof(
  fc.constantFrom('Hello', 'two\nlines', 'data: x\n\n', '"quoted" \\ and <tags>', 'ünïcödé 🙂', '\u2028\u0007'),
  fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).map(said => `.${said}.`),
);
const cache = fc.option(fc.record({ ttl: fc.constantFrom(undefined, '5m', '30m', '1h', '12h' as const) }), {
  nil: undefined,
  freq: 4,
});
const png = 'iVBORw0KGgo=';
const pdf = 'JVBERi0=';

const textBlock: fc.Arbitrary<TextBlock> = fc.record({ type: fc.constant('text' as const), text, cache });

function media(kind: MediaBlock['kind'], source: MediaSource): fc.Arbitrary<MediaBlock> {
  const block = { type: 'media' as const, kind, source, path: 'p' };
  if (kind !== 'document') return cache.map(mark => ({ ...block, cache: mark }));
  const told = fc.option(text, { nil: undefined });
  return fc
    .record({ name: told, context: told, citations: fc.constantFrom(undefined, true) })
    .map(more => ({ ...block, ...more }));
}

const url = { type: 'url', url: 'https://example.com/a' } as const;
const image = fc
  .oneof(media('image', url), media('image', { type: 'base64', mediaType: 'image/png', data: png }))
  .chain(block => fc.constantFrom(undefined, 'low', 'high' as const).map(detail => ({ ...block, detail })));
const document = fc.oneof(
  media('document', { type: 'base64', mediaType: 'application/pdf', data: pdf }),
  media('document', { type: 'text', text: 'plain' }),
  fc
    .array(fc.oneof(textBlock, media('image', url)), { minLength: 1, maxLength: 3 })
    .chain(blocks => media('document', { type: 'blocks', blocks }))
    .map(block => ({ ...block, foundAt: 'https://example.com' })),
);
const audio = media('audio', { type: 'base64', mediaType: 'audio/wav', data: 'UklGRg==' });
/** Of the dialect that knows the file; another refuses it. */
const file = fc
  .constantFrom('openai-chat' as const, 'anthropic-messages' as const)
  .chain(dialect => media('document', { type: 'file', dialect, id: 'file_1' }));

const toolName = fc.constantFrom('f', 'g', 'files.read', 'n'.repeat(70));
const argumentsText = fc.constantFrom('', '{}', '{"a":1}', '{"big":9007199254740993}', 'no json', '{"a":');
const callId = fc.constantFrom('a', 'call_0', 'é', 'x'.repeat(70), 'functions.f:0');

const reasoning = fc
  .oneof(
    fc.record({ text, redacted: fc.constant(false), state: fc.constantFrom(undefined, 'c2ln') }),
    fc.record({ text: fc.constant(''), redacted: fc.constant(true), state: fc.constant('b3BhcXVl') }),
  )
  .map(block => ({ type: 'reasoning' as const, path: 'p', ...block }));

const call = fc
  .record({ id: callId, name: toolName, argumentsText, cache, custom: fc.constantFrom(undefined, undefined, true) })
  .map(block => ({ type: 'call' as const, ...block }));
const result = fc
  .record({
    callId,
    isError: fc.boolean(),
    cache,
    blocks: fc.array(fc.oneof({ weight: 3, arbitrary: textBlock }, image, document), { maxLength: 2 }),
  })
  .map(block => ({ type: 'result' as const, ...block }));

const turn: fc.Arbitrary<Omit<Turn, 'path'>> = fc.oneof(
  fc.record({ role: fc.constant('system' as const), blocks: fc.array(textBlock, { minLength: 1, maxLength: 2 }) }),
  fc.record({
    role: fc.constant('user' as const),
    blocks: fc.array<Block>(
      fc.oneof<fc.WeightedArbitrary<Block>[]>(
        { weight: 6, arbitrary: textBlock },
        { weight: 2, arbitrary: image },
        { weight: 2, arbitrary: document },
        { weight: 1, arbitrary: audio },
        { weight: 1, arbitrary: file },
        { weight: 4, arbitrary: result },
      ),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  fc.record({
    role: fc.constant('assistant' as const),
    blocks: fc.array<Block>(fc.oneof<fc.Arbitrary<Block>[]>(reasoning, textBlock, call), {
      minLength: 1,
      maxLength: 4,
    }),
  }),
);

const tool = fc.record({
  name: toolName,
  description: fc.option(text, { nil: undefined }),
  parameters: fc.constantFrom<unknown>(
    undefined,
    { type: 'object', properties: { a: { type: 'string', minLength: 1 } }, required: ['a'] },
    { anyOf: [{ type: 'object', required: ['a'] }] },
  ),
  strict: fc.constantFrom(undefined, true, false),
  cache,
  custom: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    { grammar: undefined },
    {
      grammar: { syntax: 'regex' as const, definition: 'a+' },
    },
  ),
});

const sampling = fc.record(
  {
    temperature: fc.constantFrom(0, 0.5, 1, 2),
    topP: fc.constantFrom(0.5, 1),
    topK: fc.constantFrom(0, 5),
    seed: fc.integer(),
    frequencyPenalty: fc.constantFrom(-2, 0, 1),
    presencePenalty: fc.constantFrom(0, 2),
  },
  { requiredKeys: [] },
);

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined, freq: 2 });
}

export const anyRequest: fc.Arbitrary<CompletionRequest> = fc
  .record({
    stream: fc.boolean(),
    turns: fc.array(turn, { minLength: 1, maxLength: 6 }),
    outputTokensMax: fc.constantFrom(undefined, 1, 100, 1_000_000),
    sampling,
    stop: fc.array(fc.constantFrom('END', ' ', 'x'), { maxLength: 5 }),
    tools: fc.uniqueArray(tool, { maxLength: 3, selector: ({ name }) => name }),
    toolChoice: maybe(
      fc.constantFrom(
        { type: 'auto' } as const,
        { type: 'none' } as const,
        { type: 'any' } as const,
        { type: 'tool', name: 'f' } as const,
        { type: 'allowed', mode: 'any', names: ['f', 'g'] } as const,
      ),
    ),
    parallelToolCalls: maybe(fc.boolean()),
    endUser: maybe(fc.constantFrom('u', 'u'.repeat(300))),
    answers: fc.constantFrom(undefined, undefined, 1, 2),
    logprobs: fc.constantFrom(undefined, undefined, undefined, { alternatives: 2 }),
    output: maybe(
      fc.constantFrom(
        { type: 'json-object' } as const,
        {
          type: 'json-schema',
          name: 'n',
          description: 'd',
          schema: { type: 'object', properties: { a: { type: 'string', minLength: 1 } } },
          strict: true,
        } as const,
      ),
    ),
    verbosity: maybe(fc.constantFrom('low', 'medium', 'high' as const)),
    reasoning: maybe(
      fc.record({
        mode: fc.constantFrom('off', 'on', 'adaptive', 'unset' as const),
        effort: maybe(fc.constantFrom(...reasoningEfforts)),
        budgetTokens: maybe(fc.constantFrom(1024, 20_000)),
        display: maybe(fc.constantFrom('summarized', 'omitted' as const)),
        betweenTools: fc.constantFrom(undefined, undefined, true),
      }),
    ),
    cache: maybe(
      fc.record({
        automatic: cache,
        key: maybe(fc.constant('k')),
        retention: maybe(fc.constantFrom('in_memory', '24h' as const)),
        mode: maybe(fc.constantFrom('implicit', 'explicit' as const)),
        ttl: maybe(fc.constantFrom('30m', '12h' as const)),
      }),
    ),
    serviceTier: maybe(fc.constantFrom(...serviceTiers)),
    metadata: maybe(fc.constant({ k: 'v' })),
    continuesAssistant: fc.constantFrom(undefined, true),
    legacyFunctions: fc.constantFrom(undefined, undefined, true),
  })
  .map(({ turns, ...rest }) => ({
    requestedModel: 'x',
    streamUsage: true,
    ...rest,
    turns: turns.map((one, index): Turn => ({ ...one, path: `messages.${index}` })),
  }));

/** One block of an answer, in the pieces in which it came. */
interface AnswerBlock {
  readonly head: BlockHead;
  readonly pieces: readonly string[];
  readonly state: string | undefined;
}

const pieces = fc.array(text, { minLength: 1, maxLength: 3 });
const answerBlock: fc.Arbitrary<AnswerBlock> = fc.oneof(
  pieces.map(said => ({ head: { type: 'text' as const }, pieces: said, state: undefined })),
  pieces.map(said => ({ head: { type: 'refusal' as const }, pieces: said, state: undefined })),
  fc
    .record({ said: pieces, state: fc.constantFrom(undefined, 'c2ln') })
    .map(({ said, state }) => ({ head: { type: 'reasoning' as const }, pieces: said, state })),
  fc.constant({ head: { type: 'reasoning' as const, redacted: true }, pieces: [], state: 'b3BhcXVl' }),
  fc
    .record({
      id: fc.constantFrom('a', 'b', 'call_0', '', 'é', 'x'.repeat(70)),
      name: fc.constantFrom('f', 'g'),
      said: fc.constantFrom([], ['{}'], ['{"a"', ':1}'], ['{"big":', '9007199254740993}'], ['{"a":']),
      custom: fc.constantFrom(undefined, undefined, undefined, true),
    })
    .map(({ id, name, said, custom }) => ({
      head: { type: 'call' as const, id, name, ...(custom ? { custom } : undefined) },
      pieces: said,
      state: undefined,
    })),
);

export const finishReasons = [
  'stop',
  'stop-sequence',
  'length',
  'context-window',
  'tool-call',
  'content-filter',
  'refusal',
  'pause',
  'other',
] as const satisfies readonly Finish['reason'][];

const usage: fc.Arbitrary<UsageSlices> = fc.record(
  {
    inputUncached: fc.nat(),
    cacheRead: fc.nat(),
    cacheWrite5m: fc.nat(),
    cacheWrite1h: fc.nat(),
    inputAudio: fc.nat(9),
    output: fc.nat(),
    reasoning: fc.nat(),
  },
  { requiredKeys: ['inputUncached', 'output'] },
);

/** The events of a whole answer, as laws of streams have them. */
export const anyAnswer: fc.Arbitrary<readonly CompletionEvent[]> = fc
  .record({
    blocks: fc.array(answerBlock, { maxLength: 5 }),
    reason: fc.constantFrom(...finishReasons),
    usage: maybe(usage),
    servedModel: fc.constantFrom(undefined, 'served'),
    serviceTier: fc.constantFrom(undefined, 'priority'),
    detail: fc.constantFrom(undefined, 'Not this.'),
  })
  .map(answer => [
    { type: 'message-start', id: 'id', servedModel: answer.servedModel, createdAtMs: 0, usage: undefined },
    ...answer.blocks.flatMap(eventsOf),
    ...(answer.usage === undefined
      ? []
      : [{ type: 'usage', usage: answer.usage, raw: {}, serviceTier: answer.serviceTier } as const]),
    {
      type: 'finish',
      finish: {
        reason: answer.reason,
        raw: undefined,
        stopSequence: answer.reason === 'stop-sequence' ? 'END' : undefined,
        detail: answer.reason === 'refusal' ? answer.detail : undefined,
      },
    },
    { type: 'message-end' },
  ]);

function eventsOf({ head, pieces: said, state }: AnswerBlock, index: number): CompletionEvent[] {
  const type = head.type === 'call' ? 'arguments-delta' : 'text-delta';
  return [
    { type: 'block-open', index, block: head },
    ...said.map(piece => ({ type, index, text: piece }) as const),
    ...(state === undefined ? [] : [{ type: 'state', index, state } as const]),
    { type: 'block-close', index },
  ];
}
