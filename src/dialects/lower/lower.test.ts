import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { Block, CompletionRequest, Turn } from '../../completion/request.ts';
import { profileOf } from '../../gateway/profiles.ts';
import { anthropicMessages } from '../anthropic-messages/dialect.ts';
import type { Dialect } from '../dialect.ts';
import { openaiChat } from '../openai-chat/dialect.ts';
import { translateRequest } from '../translate.ts';
import { lowerRequest } from './lower.ts';

const targets = {
  openai: ['openai-chat', 'gpt-5.6'],
  mistral: ['openai-chat', 'mistral-small-latest'],
  deepseek: ['openai-chat', 'deepseek-chat'],
  anthropic: ['anthropic-messages', 'claude-opus-5-5'],
  'anthropic-compatible': ['anthropic-messages', 'local'],
} as const;

const profiles: readonly DialectProfile[] = [
  ...Object.entries(targets).map(([kind, [dialect, model]]) => profileOf(kind, dialect, model)),
  profileOf('anthropic', 'anthropic-messages', 'claude-sonnet-4-5'),
  profileOf('anthropic', 'anthropic-messages', 'claude-3-haiku-20240307'),
  profileOf('openai', 'openai-chat', 'o3'),
];

const callId = fc.constantFrom('a', 'b', 'call_0', 'é', 'x'.repeat(70), 'functions.f:0');
const toolName = fc.constantFrom('f', 'g', 'files.read', 'n'.repeat(70), 'ü');
const ttl = fc.constantFrom(undefined, '5m', '30m', '1h', '12h', '24h' as const);
const cache = fc.option(fc.record({ ttl }), { nil: undefined, freq: 4 });
const textBlock = fc.record({
  type: fc.constant('text' as const),
  text: fc.constantFrom('a', 'b', '', ' \n', 'long text'),
  cache,
});
const resultBlock = fc.record({
  type: fc.constant('result' as const),
  callId,
  blocks: fc.array(textBlock, { maxLength: 2 }),
  isError: fc.boolean(),
  cache,
});
const callBlock = fc.record({
  type: fc.constant('call' as const),
  id: callId,
  name: toolName,
  argumentsText: fc.constantFrom('', '{}', '{"a":1}', 'no json'),
  custom: fc.constantFrom(undefined, true),
  cache,
});
const anyTurn = fc.oneof(
  fc.record({ role: fc.constant('system' as const), blocks: fc.array(textBlock, { minLength: 1, maxLength: 2 }) }),
  fc.record({
    role: fc.constant('user' as const),
    blocks: fc.array(fc.oneof(textBlock, resultBlock), { maxLength: 4 }),
  }),
  fc.record({
    role: fc.constant('assistant' as const),
    blocks: fc.array(fc.oneof(textBlock, callBlock), { maxLength: 4 }),
  }),
);
const anyRequest: fc.Arbitrary<CompletionRequest> = fc
  .record({
    turns: fc.array(anyTurn, { maxLength: 8 }),
    tools: fc.array(
      fc.record({
        name: toolName,
        description: fc.constant(undefined),
        parameters: fc.constantFrom(
          undefined,
          { type: 'object', properties: {} },
          { anyOf: [{ required: ['a'] }] },
          {},
        ),
        strict: fc.constantFrom(undefined, true),
        custom: fc.constantFrom(undefined, undefined, { grammar: undefined }),
        cache,
      }),
      { maxLength: 3 },
    ),
    continuesAssistant: fc.constantFrom(undefined, true),
    stop: fc.array(fc.constantFrom('END', ' ', 'x'), { maxLength: 6 }),
    temperature: fc.constantFrom(0, 1, 2),
    endUser: fc.constantFrom(undefined, 'u', 'u'.repeat(300)),
    automatic: cache,
    serviceTier: fc.constantFrom(undefined, 'auto', 'flex', 'priority' as const),
    output: fc.constantFrom(
      undefined,
      { type: 'json-object' } as const,
      {
        type: 'json-schema',
        name: undefined,
        description: undefined,
        schema: { type: 'object', properties: { a: { type: 'string', minLength: 1 } } },
        strict: true,
      } as const,
    ),
  })
  .map(({ turns, temperature, automatic, ...rest }) => ({
    requestedModel: 'x',
    stream: false,
    streamUsage: false,
    outputTokensMax: 10,
    sampling: { temperature, topK: 5, seed: 1 },
    toolChoice: undefined,
    parallelToolCalls: undefined,
    reasoning: undefined,
    cache: automatic === undefined ? undefined : { automatic },
    ...rest,
    turns: turns.map((turn, index): Turn => ({ ...turn, path: `messages.${index}` })),
  }));

function lower(request: CompletionRequest, profile: DialectProfile) {
  const losses = new LossLedger();
  const lowered = lowerRequest(request, profile, 'openai-chat', losses);
  return { ...lowered, losses: losses.losses };
}

const minutes = { '5m': 5, '30m': 30, '1h': 60, '12h': 720, '24h': 1440 };

test('for any request the laws of its target hold', () => {
  fc.assert(
    fc.property(anyRequest, fc.constantFrom(...profiles), (asked, profile) => {
      const { request } = lower(asked, profile);
      checkRoles(request, profile);
      checkCalls(request.turns, profile);
      checkMarks(request, profile);
      for (const { name } of request.tools) assert.match(name, profile.toolNames.pattern);
      for (const control of ['topK', 'seed'] as const) {
        if (profile.unsupported.has(control)) assert.equal(request.sampling[control], undefined);
      }
      assert.ok((request.sampling.temperature ?? 0) <= profile.temperatureMax);
      assert.ok(request.stop.length <= profile.stops.max);
      assert.ok((request.endUser ?? '').length <= profile.endUser.lettersMax);
      assert.ok(request.output === undefined || profile.outputForms.has(request.output.type));
      if (!profile.customTools) assert.ok(request.tools.every(tool => tool.custom === undefined));
    }),
    { numRuns: 2000, seed: 3 },
  );
});

function checkRoles(request: CompletionRequest, { roles }: DialectProfile): void {
  const { turns } = request;
  const start = turns.findIndex(({ role }) => role !== 'system');
  const body = start === -1 ? [] : turns.slice(start);
  // Without a word of anybody there is nothing to bring in order; the provider says so.
  if (body.length === 0) return;
  if (roles.userFirst) assert.equal(body[0]!.role, 'user');
  body.forEach(({ role }, index) => {
    const before = body[index - 1]?.role;
    const after = body[index + 1]?.role;
    if (role === 'system' && roles.systemTurns === 'first') assert.fail('an instruction in the middle');
    if (role === 'system' && roles.systemTurns === 'after-user') {
      assert.equal(before, 'user');
      assert.ok(after === undefined || after === 'assistant');
    }
    if (roles.merged) assert.notEqual(role, before);
  });
  const last = body.at(-1)?.role;
  if (last === 'assistant') {
    const continues = request.continuesAssistant === true;
    assert.ok(roles.assistantLast === 'answered' || (continues && roles.assistantLast !== 'refused'));
  }
  if (!roles.blankText) {
    for (const { blocks } of turns) {
      assert.ok(blocks.length > 0);
      for (const block of blocks) assert.ok(block.type !== 'text' || block.text.trim() !== '');
    }
  }
}

/** Every call is answered once, directly behind its turn, before anything else; ids are the target's and apart. */
function checkCalls(turns: readonly Turn[], profile: DialectProfile): void {
  const used = new Set<string>();
  turns.forEach((turn, index) => {
    const calls = turn.blocks.filter(block => block.type === 'call').map(({ id }) => id);
    const next = turns[index + 1]?.blocks ?? [];
    const leading = next.slice(0, calls.length).map(answered);
    assert.deepEqual(leading, calls);
    assert.ok(next.slice(calls.length).every(block => block.type !== 'result'));
    for (const id of calls) {
      assert.match(id, profile.callIds.pattern);
      assert.ok(!used.has(id));
      used.add(id);
    }
  });
  assert.ok((turns[0]?.blocks ?? []).every(block => block.type !== 'result'));
}

function answered(block: Block): string | undefined {
  return block.type === 'result' ? block.callId : undefined;
}

function checkMarks(request: CompletionRequest, { cacheMarks }: DialectProfile): void {
  const marks = [
    ...request.tools.map(tool => tool.cache),
    ...request.turns.flatMap(turn => turn.blocks.flatMap(marksOf)),
    request.cache?.automatic,
  ].filter(mark => mark !== undefined);
  assert.ok(marks.length <= (cacheMarks?.marksMax ?? 0));
  for (const mark of marks) assert.ok(mark.ttl === undefined || cacheMarks!.lifetimes.includes(mark.ttl));
}

function marksOf(block: Block): (Turn['blocks'][number] & { type: 'text' })['cache'][] {
  if (block.type === 'reasoning') return [];
  return block.type === 'result' ? [...block.blocks.map(inner => inner.cache), block.cache] : [block.cache];
}

test('lowering what was lowered changes and declares nothing more', () => {
  fc.assert(
    fc.property(anyRequest, fc.constantFrom(...profiles), (asked, profile) => {
      const once = lower(asked, profile);
      if (once.request.turns.every(({ role }) => role === 'system')) return;
      const again = lower(once.request, profile);
      assert.deepEqual(again.request.turns, once.request.turns);
      assert.deepEqual(again.request.tools, once.request.tools);
      // A service tier keeps its word of the middle, so it is declared each time.
      const codes = again.losses.map(({ code }) => code).filter(code => code !== 'service-tier-approximated');
      assert.deepEqual(codes, []);
    }),
    { numRuns: 1000, seed: 5 },
  );
});

test('an instruction that moves behind a mark of a shorter lifetime lengthens it', () => {
  const said = (role: Turn['role'], text: string, lifetime: '5m' | '1h' | undefined, path: string): Turn => ({
    role,
    blocks: [{ type: 'text', text, cache: lifetime && { ttl: lifetime } }],
    path,
  });
  const turns = [
    said('user', 'a', undefined, 'messages.0'),
    said('assistant', 'b', undefined, 'messages.1'),
    said('system', 'c', '1h', 'messages.2'),
    said('user', 'd', '5m', 'messages.3'),
  ];
  const profile = profileOf('anthropic', 'anthropic-messages', 'claude-opus-5-5');

  const { request, losses } = lower({ ...plain, turns }, profile);

  const marks = request.turns.flatMap(({ role, blocks }) => blocks.flatMap(marksOf).map(mark => [role, mark?.ttl]));
  assert.deepEqual(marks.slice(-2), [
    ['user', '1h'],
    ['system', '1h'],
  ]);
  assert.deepEqual(
    losses.map(({ code, path }) => `${code};${path}`),
    ['system-moved;messages.2', 'cache-lifetime-changed;messages.3.content.0'],
  );
});

test('longer lifetimes stand before shorter ones, and the last marks are kept', () => {
  const part = (lifetime: '30m' | '12h' | undefined) => ({
    type: 'text' as const,
    text: 'a',
    cache: { ttl: lifetime },
  });
  const blocks = [undefined, undefined, '30m', undefined, '12h', undefined].map(lifetime => part(lifetime as never));
  const asked = { turns: [{ role: 'user' as const, blocks, path: 'messages.0' }] };
  const profile = profileOf('anthropic', 'anthropic-messages', 'claude-opus-5-5');

  const { request, losses } = lower({ ...plain, ...asked }, profile);

  const kept = request.turns[0]!.blocks.map(block =>
    block.type === 'text' ? block.cache && (block.cache.ttl ?? '-') : '',
  );
  assert.deepEqual(kept, [undefined, undefined, '1h', '1h', '1h', '-']);
  assert.deepEqual(
    losses.map(({ code, path }) => `${code} ${path}`),
    [
      'cache-marks-over-limit messages.0.content.0',
      'cache-marks-over-limit messages.0.content.1',
      'cache-lifetime-changed messages.0.content.2',
      'cache-lifetime-changed messages.0.content.3',
      'cache-lifetime-changed messages.0.content.4',
    ],
  );
  assert.ok(minutes['1h'] > minutes['5m']);
});

const plain: CompletionRequest = {
  requestedModel: 'x',
  stream: false,
  streamUsage: false,
  turns: [],
  outputTokensMax: 10,
  sampling: {},
  stop: [],
  tools: [],
  toolChoice: undefined,
  parallelToolCalls: undefined,
  endUser: undefined,
};

const chatCall = (id: string) => ({ id, type: 'function', function: { name: 'files.read', arguments: '{"a":1}' } });
/** One exchange: what the assistant said and did, and what came back. */
const chatExchange = fc.oneof(
  fc.constantFrom('Hello', 'x').map(text => [
    { role: 'assistant', content: text },
    { role: 'user', content: `about ${text}` },
  ]),
  fc
    .array(callId, { minLength: 1, maxLength: 3 })
    .chain(ids =>
      fc
        .shuffledSubarray(ids, { minLength: ids.length })
        .map(() => [
          { role: 'assistant', content: null, tool_calls: ids.map(chatCall) },
          ...ids.map(id => ({ role: 'tool', tool_call_id: id, content: `result of ${id}` })),
        ]),
    ),
  fc.constant([
    { role: 'assistant', content: 'ok' },
    { role: 'user', content: 'go on' },
    { role: 'system', content: 'Be brief now.' },
  ]),
);
const messagesExchange = fc.oneof(
  fc.constant([
    { role: 'assistant', content: 'Hello' },
    { role: 'user', content: [{ type: 'text', text: 'and?', cache_control: { type: 'ephemeral' } }] },
  ]),
  fc.uniqueArray(callId, { minLength: 1, maxLength: 3 }).map(ids => [
    { role: 'assistant', content: ids.map(id => ({ type: 'tool_use', id, name: 'f', input: { a: 1 } })) },
    {
      role: 'user',
      content: [
        ...ids.map(id => ({ type: 'tool_result', tool_use_id: id, content: 'r', is_error: true })),
        { type: 'text', text: 'go on' },
      ],
    },
  ]),
);

function sentMessages(client: Dialect, provider: Dialect, body: object, kind: string, model: string): unknown[] {
  const profile = profileOf(kind, provider.name, model);
  const target = { targetModel: model, outputTokensMax: 100, profile };
  const sent = translateRequest(Buffer.from(JSON.stringify(body)), { client, provider, target });
  const { system, messages, tools } = JSON.parse(sent.body.toString());
  return [tools, system, ...messages].map(withoutMarks);
}

/** Marks say up to where a prefix is kept, and are no part of it; a text alone is short for a list of one. */
function withoutMarks(value: unknown): string {
  return JSON.stringify(value, (key, inner) => {
    if (key === 'cache_control' || key === 'prompt_cache_breakpoint') return undefined;
    return key === 'content' && typeof inner === 'string' ? [{ type: 'text', text: inner }] : inner;
  });
}

test('a conversation that grows keeps what was sent before as a prefix, so that caches hit', () => {
  const tools = [
    { type: 'function', function: { name: 'files.read', parameters: { type: 'object', properties: {} } } },
  ];
  const start = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
  ];
  for (const [kind, model] of [
    ['anthropic', 'claude-opus-5-5'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['anthropic-compatible', 'local'],
  ] as const) {
    fc.assert(
      fc.property(fc.array(chatExchange, { maxLength: 6 }), chatExchange, (history, more) => {
        const asked = (messages: object[]) => ({
          model: 'x',
          tools,
          response_format: { type: 'json_object' },
          messages,
        });
        const before = sentMessages(openaiChat, anthropicMessages, asked([...start, ...history.flat()]), kind, model);
        const after = sentMessages(
          openaiChat,
          anthropicMessages,
          asked([...start, ...history.flat(), ...more]),
          kind,
          model,
        );
        assert.deepEqual(after.slice(0, before.length), before);
      }),
      { numRuns: 200, seed: 13 },
    );
  }
  fc.assert(
    fc.property(
      fc.array(messagesExchange, { maxLength: 6 }),
      messagesExchange,
      fc.constantFrom(['openai', 'gpt-5.6'], ['mistral', 'mistral-small-latest']),
      (history, more, [kind, model]) => {
        const first = { role: 'user', content: 'Hi' };
        const asked = (messages: object[]) => ({
          model: 'x',
          max_tokens: 9,
          system: 'Be brief.',
          messages: [first, ...messages],
        });
        const before = sentMessages(anthropicMessages, openaiChat, asked(history.flat()), kind!, model!);
        const after = sentMessages(anthropicMessages, openaiChat, asked([...history.flat(), ...more]), kind!, model!);
        assert.deepEqual(after.slice(0, before.length), before);
      },
    ),
    { numRuns: 200, seed: 17 },
  );
});

test('long histories take time by their length, not by its square', () => {
  const profile = profileOf('anthropic', 'anthropic-messages', 'claude-opus-5-5');
  const turn = (role: Turn['role'], blocks: Turn['blocks'], index: number): Turn => ({
    role,
    blocks,
    path: `messages.${index}`,
  });
  const text = (index: number): Block => ({ type: 'text', text: `t${index}`, cache: { ttl: '5m' } });
  const shapes: ((index: number) => Turn)[] = [
    index => turn('user', [text(index)], index),
    index => turn(index % 2 === 0 ? 'system' : 'user', [text(index)], index),
    index => turn('assistant', [{ type: 'call', id: 'a', name: 'f', argumentsText: '{}' }], index),
    index => turn('user', [{ type: 'result', callId: 'a', blocks: [], isError: false }], index),
  ];
  for (const shape of shapes) {
    const turns = Array.from({ length: 20_000 }, (_, index) => shape(index));
    const startedMs = performance.now();
    lower({ ...plain, turns }, profile);
    assert.ok(performance.now() - startedMs < 3000);
  }
});
