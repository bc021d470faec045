import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../completion/fault.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import type { Dialect } from './dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';
import { translateRequest } from './translate.ts';

const target = { targetModel: 'target', outputTokensMax: 4096 };

interface Carried {
  readonly wire: Record<string, unknown>;
  readonly text: string;
  readonly losses: readonly string[];
}

function carry(from: Dialect, to: Dialect, body: unknown): Carried {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const sent = translateRequest(bytes, { client: from, provider: to, target });
  const text = sent.body.toString();
  return {
    wire: JSON.parse(text),
    text,
    losses: sent.losses.map(({ action, code, path }) => `${action} ${code} ${path}`),
  };
}

const toMessages = (body: unknown) => carry(openaiChat, anthropicMessages, body);
const toChat = (body: unknown) => carry(anthropicMessages, openaiChat, body);

const ask = [{ role: 'user', content: 'Hi' }];

test('a chat request becomes a messages request', () => {
  const { wire, losses } = toMessages({
    model: 'acme/x',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Weather in ' },
          { type: 'text', text: 'Oslo and Rome?' },
        ],
      },
      {
        role: 'assistant',
        content: 'Looking.',
        refusal: null,
        annotations: [],
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
          {
            id: 'call_2',
            type: 'function',
            function: { name: 'weather', arguments: '{"city":"Rome","id":9007199254740993}' },
          },
          { id: 'call_3', type: 'function', function: { name: 'now', arguments: '' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
      { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: 'sun' }] },
      { role: 'tool', tool_call_id: 'call_3', content: '' },
      { role: 'user', content: 'Thanks. And?' },
      { role: 'system', content: 'Answer in French.' },
    ],
    max_completion_tokens: 100,
    temperature: 0.5,
    top_p: 0.9,
    stop: ['END', 'STOP'],
    stream: true,
    stream_options: { include_usage: true },
    tools: [
      {
        type: 'function',
        function: {
          name: 'weather',
          description: 'The weather',
          parameters: { type: 'object', properties: { city: { type: 'string' } }, additionalProperties: false },
          strict: true,
        },
      },
      { type: 'function', function: { name: 'now' } },
    ],
    tool_choice: 'required',
    parallel_tool_calls: false,
    user: 'u1',
  });

  assert.deepEqual(wire, {
    model: 'target',
    max_tokens: 100,
    system: [
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Be kind.' },
    ],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Weather in ' },
          { type: 'text', text: 'Oslo and Rome?' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Looking.' },
          { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Oslo' } },
          { type: 'tool_use', id: 'call_2', name: 'weather', input: { city: 'Rome', id: Number('9007199254740993') } },
          { type: 'tool_use', id: 'call_3', name: 'now', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'call_1', content: 'rain' },
          { type: 'tool_result', tool_use_id: 'call_2', content: 'sun' },
          { type: 'tool_result', tool_use_id: 'call_3' },
          { type: 'text', text: 'Thanks. And?' },
        ],
      },
      { role: 'system', content: 'Answer in French.' },
    ],
    temperature: 0.5,
    top_p: 0.9,
    stop_sequences: ['END', 'STOP'],
    tools: [
      {
        name: 'weather',
        description: 'The weather',
        input_schema: { type: 'object', properties: { city: { type: 'string' } }, additionalProperties: false },
        strict: true,
      },
      { name: 'now', input_schema: { type: 'object', properties: {} } },
    ],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
    metadata: { user_id: 'u1' },
    stream: true,
  });
  assert.deepEqual(losses, []);
});

test('a messages request becomes a chat request', () => {
  const { wire, losses } = toChat({
    model: 'claude',
    max_tokens: 100,
    system: [
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Be kind.' },
    ],
    messages: [
      { role: 'user', content: 'Weather?' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Looking.', citations: null },
          { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' }, caller: { type: 'direct' } },
          { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'rain' }] },
          { type: 'tool_result', tool_use_id: 'toolu_2' },
          { type: 'text', text: 'And?' },
        ],
      },
      { role: 'system', content: 'Answer in French.' },
    ],
    stop_sequences: ['END'],
    temperature: 1,
    top_p: 0.5,
    tools: [
      { name: 'weather', description: 'd', input_schema: { type: 'object', properties: {} } },
      { type: 'custom', name: 'now', input_schema: { type: 'object' }, strict: true },
    ],
    tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
    metadata: { user_id: 'u1' },
    stream: true,
  });

  assert.deepEqual(wire, {
    model: 'target',
    messages: [
      {
        role: 'system',
        content: [
          { type: 'text', text: 'Be brief.' },
          { type: 'text', text: 'Be kind.' },
        ],
      },
      { role: 'user', content: 'Weather?' },
      {
        role: 'assistant',
        content: 'Looking.',
        tool_calls: [
          { id: 'toolu_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
          { id: 'toolu_2', type: 'function', function: { name: 'now', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'toolu_1', content: 'rain' },
      { role: 'tool', tool_call_id: 'toolu_2', content: '' },
      { role: 'user', content: 'And?' },
      { role: 'system', content: 'Answer in French.' },
    ],
    max_completion_tokens: 100,
    temperature: 1,
    top_p: 0.5,
    stop: ['END'],
    tools: [
      {
        type: 'function',
        function: { name: 'weather', description: 'd', parameters: { type: 'object', properties: {} } },
      },
      {
        type: 'function',
        function: {
          name: 'now',
          parameters: { type: 'object', properties: {}, additionalProperties: false },
          strict: true,
        },
      },
    ],
    tool_choice: { type: 'function', function: { name: 'weather' } },
    parallel_tool_calls: false,
    user: 'u1',
    stream: true,
    stream_options: { include_usage: true },
  });
  assert.deepEqual(losses, []);
});

test('numbers keep all their digits', () => {
  const schema = '{"type":"integer","maximum":9007199254740993,"minimum":-1e400,"multipleOf":1.0}';
  const chat = `{"model":"x","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`;
  assert.ok(toMessages(chat).text.includes(`"input_schema":${schema}`));

  const call = '{"id":123456789012345678901234567890,"x":1.50}';
  const messages = `{"model":"x","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":${call}}]}]}`;
  assert.ok(toChat(messages).text.includes(`"arguments":${JSON.stringify(call)}`));
});

test('every choice of tools is carried', () => {
  const tools = [{ type: 'function', function: { name: 'f' } }];
  for (const [choice, expected] of [
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
    [
      { type: 'function', function: { name: 'f' } },
      { type: 'tool', name: 'f' },
    ],
    [null, undefined],
  ] as const) {
    assert.deepEqual(
      toMessages({ model: 'x', messages: ask, tools, tool_choice: choice }).wire['tool_choice'],
      expected,
    );
  }
  assert.deepEqual(toMessages({ model: 'x', messages: ask, tools, parallel_tool_calls: false }).wire['tool_choice'], {
    type: 'auto',
    disable_parallel_tool_use: true,
  });
  assert.equal(toMessages({ model: 'x', messages: ask, parallel_tool_calls: false }).wire['tool_choice'], undefined);
  const custom = [{ name: 'f', input_schema: { type: 'object' } }];
  for (const [choice, expected] of [
    [{ type: 'auto' }, 'auto'],
    [{ type: 'none' }, 'none'],
    [{ type: 'any' }, 'required'],
    [
      { type: 'tool', name: 'f' },
      { type: 'function', function: { name: 'f' } },
    ],
  ] as const) {
    const { wire } = toChat({ model: 'x', max_tokens: 1, messages: ask, tools: custom, tool_choice: choice });
    assert.deepEqual(wire['tool_choice'], expected);
    assert.equal(wire['parallel_tool_calls'], undefined);
  }
});

test('the limit that messages require comes from the model when the client named none', () => {
  assert.equal(toMessages({ model: 'x', messages: ask }).wire['max_tokens'], 4096);
  assert.equal(
    toMessages({ model: 'x', messages: ask, max_tokens: 7, max_completion_tokens: 9 }).wire['max_tokens'],
    7,
  );
  assert.equal(toMessages({ model: 'x', messages: ask, max_tokens: 0 }).wire['max_tokens'], 0);
});

test('what is lost or changed on the way is declared', () => {
  const chat = { model: 'x', messages: ask };
  const rows: [Record<string, unknown>, string[]][] = [
    [{ temperature: 1.5 }, ['approximated temperature-lowered temperature']],
    [{ seed: 0 }, ['dropped seed-unsupported seed']],
    [{ frequency_penalty: 0.1 }, ['dropped frequency-penalty-unsupported frequency_penalty']],
    [{ presence_penalty: -1 }, ['dropped presence-penalty-unsupported presence_penalty']],
    [{ frequency_penalty: 0, presence_penalty: 0 }, []],
    [{ logit_bias: { 50256: -100 } }, ['dropped logit-bias-unsupported logit_bias']],
    [{ logit_bias: {} }, []],
    [{ stop: '\n' }, ['dropped stop-blank-unsupported stop']],
    [{ stop: ['x', ' '] }, ['dropped stop-blank-unsupported stop.1']],
    [{ stop: null }, []],
    [{ max_tokens: 5000 }, ['approximated output-limit-lowered max_tokens']],
    [{ metadata: { a: 'b' } }, ['dropped metadata-unsupported metadata']],
    [{ store: true }, ['dropped store-unsupported store']],
    [{ store: false }, []],
    [{ prompt_cache_key: 'k' }, ['dropped prompt-cache-key-unsupported prompt_cache_key']],
    [{ prompt_cache_retention: '24h' }, ['dropped prompt-cache-retention-unsupported prompt_cache_retention']],
    [{ user: 'a', safety_identifier: 'b' }, ['dropped user-unsupported user']],
    [{ service_tier: 'auto', n: 1, logprobs: false, response_format: { type: 'text' }, modalities: ['text'] }, []],
    [
      { stream_options: { include_obfuscation: true } },
      ['dropped obfuscation-unsupported stream_options.include_obfuscation'],
    ],
    [
      { messages: [{ role: 'user', name: 'ann', content: 'Hi' }] },
      ['dropped participant-name-unsupported messages.0.name'],
    ],
    [
      { messages: [...ask, { role: 'assistant', content: ' ' }] },
      ['dropped blank-text-unsupported messages.1', 'dropped empty-message-unsupported messages.1'],
    ],
    [
      { messages: [...ask, { role: 'assistant', content: 'a', reasoning_content: 'hm' }, ...ask] },
      ['dropped reasoning-history-unsupported messages.1.reasoning_content'],
    ],
    [
      { messages: [...ask, { role: 'assistant', content: null, refusal: 'No.' }, ...ask] },
      ['approximated refusal-as-text messages.1.refusal'],
    ],
    [
      { messages: [...ask, { role: 'tool', tool_call_id: 'a', content: 'x' }] },
      ['approximated tool-result-as-text messages.1'],
    ],
    [{ messages: [...ask, { role: 'assistant', content: 'a' }] }, ['approximated user-turn-added messages.1']],
  ];

  for (const [fields, expected] of rows) {
    assert.deepEqual(toMessages({ ...chat, ...fields }).losses, expected, JSON.stringify(fields));
  }
  assert.equal(toMessages({ ...chat, temperature: 2 }).wire['temperature'], 1);

  const messages = { model: 'x', max_tokens: 1, messages: ask };
  const result = { type: 'tool_result', tool_use_id: 'a', content: 'boom', is_error: true };
  const other: [Record<string, unknown>, string[]][] = [
    [{ top_k: 5 }, ['dropped top-k-unsupported top_k']],
    [{ max_tokens: 5000 }, ['approximated output-limit-lowered max_tokens']],
    [{ stop_sequences: ['1', '2', '3', '4', '5'] }, ['dropped stop-count-unsupported stop_sequences.4']],
    [{ thinking: { type: 'disabled' }, service_tier: 'auto', speed: 'standard' }, []],
    [{ messages: [{ role: 'user', content: [result] }] }, ['approximated tool-result-as-text messages.0']],
    [
      {
        messages: [
          { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }] },
          { role: 'user', content: [result] },
        ],
      },
      ['approximated tool-error-as-text messages.1'],
    ],
    [
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'a' },
              { ...result, is_error: false },
            ],
          },
        ],
      },
      ['approximated tool-result-as-text messages.0'],
    ],
    [
      {
        messages: [
          {
            role: 'assistant',
            content: [
              { type: 'tool_use', id: 'a', name: 'f', input: {} },
              { type: 'text', text: 'b' },
            ],
          },
        ],
      },
      ['approximated tool-call-unanswered messages.0', 'moved text-after-call-moved messages.0'],
    ],
  ];
  for (const [fields, expected] of other) {
    assert.deepEqual(toChat({ ...messages, ...fields }).losses, expected, JSON.stringify(fields));
  }
});

function refusal(from: Dialect, body: unknown): string {
  try {
    const other = from === openaiChat ? anthropicMessages : openaiChat;
    translateRequest(Buffer.from(JSON.stringify(body)), { client: from, provider: other, target });
  } catch (fault) {
    assert.ok(fault instanceof Fault, String(fault));
    return `${fault.code} ${fault.parameter}`;
  }
  return 'carried';
}

test('what cannot be carried from chat yet is refused by its path', () => {
  const user = (content: unknown) => ({ messages: [{ role: 'user', content }] });
  const assistant = (fields: unknown) => ({ messages: [{ role: 'assistant', content: 'a', ...(fields as object) }] });
  const rows: [Record<string, unknown>, string][] = [
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ audio: { voice: 'x', format: 'mp3' } }, 'audio'],
    [{ web_search_options: {} }, 'web_search_options'],
    [{ service_tier: 'on_demand' }, 'service_tier'],
    [
      {
        functions: [{ name: 'f' }],
        tools: [{ type: 'function', function: { name: 'f' } }],
      },
      'functions',
    ],
    [{ tools: [{ type: 'web_search' }] }, 'tools.0.type'],
    [{ tool_choice: { type: 'hosted' } }, 'tool_choice.type'],
    [{ moderation: {} }, 'moderation'],
    [{ not_a_field: 1 }, 'not_a_field'],
    [{ not_a_field: null }, 'not_a_field'],
    [{ constructor: 1 }, 'constructor'],
    [user([{ type: 'video_url', video_url: {} }]), 'messages.0.content.0'],
    [user([{ type: 'text', text: 'a', extra: 1 }]), 'messages.0.content.0.extra'],
    [{ messages: [{ role: 'user', content: 'a', weight: 1 }] }, 'messages.0.weight'],
    [assistant({ audio: { id: 'a' } }), 'messages.0.audio'],
  ];

  for (const [fields, path] of rows) {
    assert.equal(refusal(openaiChat, { model: 'x', messages: ask, ...fields }), `translation_unsupported ${path}`);
  }
});

test('what cannot be carried from messages yet is refused by its path', () => {
  const user = (block: unknown) => ({ messages: [{ role: 'user', content: [block] }] });
  const rows: [Record<string, unknown>, string][] = [
    [{ thinking: { type: 'adaptive', extra: 1 } }, 'thinking.extra'],
    [{ container: 'c' }, 'container'],
    [{ context_management: { extra: 1 } }, 'context_management.extra'],
    [{ mcp_servers: [{}] }, 'mcp_servers'],
    [{ inference_geo: 'eu' }, 'inference_geo'],
    [{ speed: 'fast' }, 'speed'],
    [{ not_a_field: 1 }, 'not_a_field'],
    [{ metadata: { other: 1 } }, 'metadata.other'],
    [user({ type: 'container_upload', file_id: 'f' }), 'messages.0.content.0'],
    [user({ type: 'thinking', thinking: 'a', signature: 's' }), 'messages.0.content.0'],
    [user({ type: 'redacted_thinking', data: 's' }), 'messages.0.content.0'],
    [user({ type: 'server_tool_use', id: 'a' }), 'messages.0.content.0'],
    [user({ type: 'tool_reference', tool_name: 'f' }), 'messages.0.content.0'],
    [
      user({ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'tool_reference', tool_name: 'f', extra: 1 }] }),
      'messages.0.content.0.content.0.extra',
    ],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'tools.0.type'],
  ];

  for (const [fields, path] of rows) {
    const body = { model: 'x', max_tokens: 1, messages: ask, ...fields };
    assert.equal(refusal(anthropicMessages, body), `translation_unsupported ${path}`);
  }
});

test('wrong values are refused by name', () => {
  const rows: [Dialect, Record<string, unknown>, string][] = [
    [openaiChat, { messages: undefined }, 'parameter_missing messages'],
    [openaiChat, { messages: 'x' }, 'parameter_invalid messages'],
    [openaiChat, { messages: [7] }, 'parameter_invalid messages.0'],
    [openaiChat, { messages: [{ role: 'king', content: 'x' }] }, 'parameter_invalid messages.0.role'],
    [openaiChat, { messages: [{ role: 'user' }] }, 'parameter_missing messages.0.content'],
    [openaiChat, { messages: [{ role: 'tool', content: 'x' }] }, 'parameter_missing messages.0.tool_call_id'],
    [openaiChat, { temperature: 'hot' }, 'parameter_invalid temperature'],
    [openaiChat, { max_tokens: -1 }, 'parameter_invalid max_tokens'],
    [openaiChat, { max_tokens: 1.5 }, 'parameter_invalid max_tokens'],
    [openaiChat, { stop: [1] }, 'parameter_invalid stop.0'],
    [openaiChat, { tool_choice: 'maybe' }, 'parameter_invalid tool_choice'],
    [openaiChat, { tools: [{ type: 'function', function: {} }] }, 'parameter_missing tools.0.function.name'],
    [openaiChat, { top_logprobs: 3 }, 'parameter_invalid top_logprobs'],
    [openaiChat, { logprobs: 1 }, 'parameter_invalid logprobs'],
    [openaiChat, { n: 1.5 }, 'parameter_invalid n'],
    [openaiChat, { verbosity: 'chatty' }, 'parameter_invalid verbosity'],
    [openaiChat, { metadata: { a: 1 } }, 'parameter_invalid metadata'],
    [openaiChat, { response_format: 'json' }, 'parameter_invalid response_format'],
    [openaiChat, { response_format: { type: 'xml' } }, 'parameter_invalid response_format.type'],
    [
      openaiChat,
      { response_format: { type: 'json_schema', json_schema: {} } },
      'parameter_missing response_format.json_schema.name',
    ],
    [openaiChat, { prompt_cache_options: { mode: 'some' } }, 'parameter_invalid prompt_cache_options.mode'],
    [openaiChat, { prompt_cache_options: { ttl: '5m' } }, 'parameter_invalid prompt_cache_options.ttl'],
    [openaiChat, { prompt_cache_retention: 'long' }, 'parameter_invalid prompt_cache_retention'],
    [openaiChat, { functions: [{}] }, 'parameter_missing functions.0.name'],
    [openaiChat, { function_call: 'auto' }, 'parameter_invalid function_call'],
    [openaiChat, { functions: [{ name: 'f' }], function_call: 'must' }, 'parameter_invalid function_call'],
    [openaiChat, { tools: [{ type: 'custom', custom: {} }] }, 'parameter_missing tools.0.custom.name'],
    [
      openaiChat,
      { tools: [{ type: 'function', function: { name: 'f', parameters: 'none' } }] },
      'parameter_invalid tools.0.function.parameters',
    ],
    [openaiChat, { tool_choice: { type: 'allowed_tools' } }, 'parameter_missing tool_choice.allowed_tools'],
    [
      openaiChat,
      { tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [] } } },
      'translation_unsupported tool_choice.allowed_tools.tools',
    ],
    [openaiChat, { messages: [{ role: 'function', content: 'x' }] }, 'parameter_missing messages.0.name'],
    [
      openaiChat,
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', prompt_cache_breakpoint: {} }] }] },
      'parameter_invalid messages.0.content.0.prompt_cache_breakpoint.mode',
    ],
    [anthropicMessages, { cache_control: { type: 'forever' } }, 'parameter_invalid cache_control.type'],
    [anthropicMessages, { cache_control: { type: 'ephemeral', ttl: '2h' } }, 'parameter_invalid cache_control.ttl'],
    [anthropicMessages, { output_config: { format: {} } }, 'parameter_invalid output_config.format.type'],
    [anthropicMessages, { output_format: { type: 'json_schema' } }, 'parameter_missing output_format.schema'],
    [anthropicMessages, { service_tier: 'flex' }, 'parameter_invalid service_tier'],
    [anthropicMessages, { max_tokens: undefined }, 'parameter_missing max_tokens'],
    [anthropicMessages, { system: 7 }, 'parameter_invalid system'],
    [anthropicMessages, { messages: [{ role: 'tool', content: 'x' }] }, 'parameter_invalid messages.0.role'],
    [anthropicMessages, { tools: [{ name: 'f' }] }, 'parameter_missing tools.0.input_schema'],
    [anthropicMessages, { tool_choice: { type: 'required' } }, 'parameter_invalid tool_choice.type'],
    [anthropicMessages, { stop_sequences: 'x' }, 'parameter_invalid stop_sequences'],
  ];

  for (const [dialect, fields, expected] of rows) {
    assert.equal(refusal(dialect, { model: 'x', max_tokens: 1, messages: ask, ...fields }), expected);
  }
});

test('no value anywhere makes decoding throw anything but a fault', () => {
  const value = fc.oneof(
    fc.json().map(text => JSON.parse(text)),
    fc.constantFrom('text', 'tool_use', 'user', 9e99),
  );
  const field = fc.constantFrom(
    'messages',
    'tools',
    'tool_choice',
    'system',
    'stop',
    'metadata',
    'stream_options',
    'temperature',
  );
  const message = fc.record(
    { role: fc.constantFrom('user', 'assistant', 'tool', 'system'), content: value, tool_calls: value },
    { requiredKeys: ['role'] },
  );
  fc.assert(
    fc.property(field, value, fc.array(message, { maxLength: 3 }), (name, given, messages) => {
      for (const dialect of [openaiChat, anthropicMessages])
        refusal(dialect, { model: 'x', max_tokens: 1, messages, [name]: given });
    }),
    { numRuns: 500 },
  );
});

test('ids of calls fit the other side, stay apart, and pair with their results', () => {
  const long = 'x'.repeat(80);
  const call = (id: string) => ({
    role: 'assistant',
    tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }],
  });
  const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'r' });
  const ids = ['call_0', 'functions.f:0', long, `${long}y`, 'call_0', 'é'];
  const { wire } = toMessages({ model: 'x', messages: [...ask, ...ids.flatMap(id => [call(id), result(id)])] });

  const blocks = (wire['messages'] as { content: Record<string, string>[] }[])
    .slice(1)
    .map(({ content }) => content[0]!);
  const called = blocks.filter(({ type }) => type === 'tool_use').map(({ id }) => id);
  const answered = blocks.filter(({ type }) => type === 'tool_result').map(block => block['tool_use_id']);
  assert.deepEqual(answered, called);
  assert.equal(new Set(called).size, 6);
  assert.equal(called[0], 'call_0');
  for (const id of called) assert.match(id!, /^[a-zA-Z0-9_-]{1,64}$/);

  const chat = toChat({
    model: 'x',
    max_tokens: 1,
    messages: [
      { role: 'assistant', content: [{ type: 'tool_use', id: long, name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: long, content: 'r' }] },
    ],
  });
  const [made, answer] = chat.wire['messages'] as [{ tool_calls: { id: string }[] }, { tool_call_id: string }];
  assert.equal(made.tool_calls[0]?.id, answer.tool_call_id);
  assert.equal(answer.tool_call_id.length, 39);
});

test('arguments that are no object travel wrapped and declared', () => {
  const deep = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  for (const text of ['{"a":', '[1]', '7', '12345678901234567890', 'null', deep]) {
    const { wire, losses } = toMessages({
      model: 'x',
      messages: [
        ...ask,
        { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: text } }] },
        { role: 'tool', tool_call_id: 'a', content: 'r' },
      ],
    });
    const [, assistant] = wire['messages'] as { content: { input: unknown }[] }[];
    assert.deepEqual(assistant?.content[0]?.input, { INVALID_JSON: text });
    assert.deepEqual(losses, ['approximated arguments-wrapped messages.1']);
  }
});

test('an error of a tool is said in words where there is no flag', () => {
  const { wire } = toChat({
    model: 'x',
    max_tokens: 1,
    messages: [
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'boom', is_error: true }] },
    ],
  });

  const [, result] = wire['messages'] as unknown[];
  assert.deepEqual(result, { role: 'tool', tool_call_id: 'a', content: 'Error: boom' });
});

test('turns of one role in a row become one message', () => {
  const { wire } = toMessages({
    model: 'x',
    messages: [
      { role: 'user', content: 'a' },
      { role: 'user', content: 'b' },
      { role: 'assistant', content: '' },
      { role: 'user', content: 'c' },
    ],
  });

  assert.deepEqual(wire['messages'], [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
        { type: 'text', text: 'c' },
      ],
    },
  ]);
});

test('a system prompt alone is said as the user', () => {
  const { wire, losses } = toMessages({
    model: 'x',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'system', content: 'Say hello.' },
    ],
  });

  assert.equal(wire['system'], 'Be brief.');
  assert.deepEqual(wire['messages'], [{ role: 'user', content: 'Say hello.' }]);
  assert.deepEqual(losses, ['moved system-as-user messages.1']);
});

test('calls of one id in one turn pair with their results in order', () => {
  const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };
  const { wire } = toMessages({
    model: 'x',
    messages: [
      ...ask,
      { role: 'assistant', tool_calls: [call, call] },
      { role: 'tool', tool_call_id: 'a', content: '1' },
      { role: 'tool', tool_call_id: 'a', content: '2' },
    ],
  });

  const [, assistant, user] = wire['messages'] as { content: Record<string, string>[] }[];
  assert.deepEqual(
    user?.content.map(block => block['tool_use_id']),
    assistant?.content.map(({ id }) => id),
  );
  assert.notEqual(assistant?.content[0]?.['id'], assistant?.content[1]?.['id']);
});

test('losses and the names in messages have bounds', () => {
  const messages = Array.from({ length: 300 }, () => ({ role: 'user', name: 'ann', content: 'Hi' }));
  const { losses } = toMessages({ model: 'x', messages });
  assert.equal(losses.length, 100);
  assert.equal(losses.at(-1), 'dropped more-losses ');

  const path = refusal(openaiChat, { model: 'x', messages: ask, ['y'.repeat(5000)]: 1 });
  assert.equal(path, `translation_unsupported ${'y'.repeat(64)}`);
});
