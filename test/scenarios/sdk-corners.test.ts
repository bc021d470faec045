import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodOutputFormat, betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { pdf, pixel } from '../support/media-server.ts';
import { acmeKey, declareSupply, providerKey } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

// The public clients against a provider of the other dialect, corner by corner: what they can say and what the provider
// then sees, what is lost or refused by name, and their own helpers at work. Both ways of asking: whole and streamed.

const gpt = 'openai/gpt-5.6';
const claude = 'anthropic/claude-haiku-4-5';

let emulator: Emulator;
let carrier: Carrier;
let openai: OpenAI;
let anthropic: Anthropic;
let losses: string[] = [];

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  const rates = `${gpt}: { input: "1", output: "2" }, ${claude}: { input: "1", output: "2" }`;
  const { yaml, env } = declareSupply({ emulatorUrl: emulator.url });
  carrier = await startCarrier({ yaml, env });
  await carrier.apply(`
providers:
  maker: { kind: openai, dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:OPENAI_API_KEY }
  other: { kind: anthropic, dialect: anthropic-messages, baseUrl: "${emulator.url}", credential: env:ANTHROPIC_API_KEY }
deployments:
  gpt: { provider: maker, model: ${gpt}, targetModel: gpt-5.6 }
  haiku: { provider: other, model: ${claude}, targetModel: claude-haiku-4-5 }
prices:
  sell: { currency: USD, rates: { ${rates} } }
  buy: { currency: USD, rates: { ${rates} } }
`);
  const options = { apiKey: acmeKey, maxRetries: 0, fetch: listening };
  openai = new OpenAI({ ...options, baseURL: `${carrier.url}/v1` });
  anthropic = new Anthropic({ ...options, baseURL: carrier.url });
});
after(() => emulator?.stop());
beforeEach(() => {
  emulator.replaceRules([]);
  emulator.clearRequests();
});

async function listening(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  losses = response.headers.get('x-carrier-loss')?.split(', ') ?? [];
  return response;
}

function sentBodies(): Record<string, unknown>[] {
  return emulator.requests().map(request => JSON.parse(String(request.body)));
}

/** The fields of a request that a row speaks of. */
function pick(body: Record<string, unknown>, like: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(like).map(name => [name, body[name]]));
}

const user = (content: unknown) => [{ role: 'user', content }];
const png = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } };
const pngUrl = `data:image/png;base64,${pixel}`;
const pdfUrl = `data:application/pdf;base64,${pdf}`;
const city = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const chatTool = (name: string, more: object = {}) => ({
  type: 'function',
  function: { name, parameters: city, ...more },
});
const messagesTool = (name: string, more: object = {}) => ({ name, input_schema: city, ...more });

interface Row {
  readonly says: string;
  /** Beside the model, and the limit where the client must give one. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Fields of the one request that the provider gets. */
  readonly sees: Readonly<Record<string, unknown>>;
  readonly losses: readonly string[];
}

interface RefusedRow {
  readonly says: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: number;
  /** What the client's error names. */
  readonly names: string;
}

const openaiRows: readonly Row[] = [
  {
    says: 'images by address and inline, and how closely to look',
    body: {
      messages: user([
        { type: 'text', text: 'Compare.' },
        { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        { type: 'image_url', image_url: { url: pngUrl, detail: 'high' } },
      ]),
    },
    sees: {
      messages: user([
        { type: 'text', text: 'Compare.' },
        { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
        png,
      ]),
    },
    losses: ['image-detail-unsupported;messages.0.content.2'],
  },
  {
    says: 'a PDF and a text file',
    body: {
      messages: user([
        { type: 'file', file: { filename: 'tariff.pdf', file_data: pdfUrl } },
        { type: 'file', file: { filename: 'a.txt', file_data: `data:text/plain;base64,${btoa('fair')}` } },
        { type: 'text', text: 'Sum up.' },
      ]),
    },
    sees: {
      messages: user([
        { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf }, title: 'tariff.pdf' },
        { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'fair' }, title: 'a.txt' },
        { type: 'text', text: 'Sum up.' },
      ]),
    },
    losses: [],
  },
  {
    says: 'how to sample',
    body: {
      messages: user('Hi'),
      temperature: 1.5,
      frequency_penalty: 0.5,
      presence_penalty: 0.5,
      logit_bias: { '50256': -100 },
      seed: 7,
      stop: ['END', ' '],
    },
    sees: { temperature: 1, stop_sequences: ['END'] },
    losses: [
      'logit-bias-unsupported;logit_bias',
      'seed-unsupported;seed',
      'frequency-penalty-unsupported;frequency_penalty',
      'presence-penalty-unsupported;presence_penalty',
      'temperature-lowered;temperature',
      'stop-blank-unsupported;stop.1',
    ],
  },
  {
    says: 'what belongs to its own provider',
    body: {
      messages: user('Hi'),
      prediction: { type: 'content', content: 'Hello' },
      store: true,
      metadata: { team: 'a' },
      verbosity: 'low',
      prompt_cache_key: 'k',
      service_tier: 'flex',
    },
    sees: { messages: user('Hi'), metadata: undefined, service_tier: undefined },
    losses: [
      'prediction-unsupported;prediction',
      'store-unsupported;store',
      'metadata-unsupported;metadata',
      'verbosity-unsupported;verbosity',
      'prompt-cache-key-unsupported;prompt_cache_key',
      'service-tier-unsupported;service_tier',
    ],
  },
  {
    says: 'which tools may be called, one at a time, with strict arguments',
    body: {
      messages: user('Hi'),
      tools: [chatTool('weather', { strict: true }), chatTool('tide'), chatTool('moon')],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: {
          mode: 'auto',
          tools: ['weather', 'tide'].map(name => ({ type: 'function', function: { name } })),
        },
      },
      parallel_tool_calls: false,
    },
    sees: {
      tools: [messagesTool('weather', { strict: true }), messagesTool('tide')],
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    },
    losses: ['allowed-tools-filtered;tool_choice.allowed_tools'],
  },
  {
    says: 'calls that use an id again, and results in another order',
    body: {
      messages: [
        { role: 'user', content: 'Compare.' },
        { role: 'assistant', tool_calls: [toolCall('a', 'Kiel'), toolCall('b', 'Bonn')] },
        { role: 'tool', tool_call_id: 'b', content: 'dry' },
        { role: 'tool', tool_call_id: 'a', content: 'wet' },
        { role: 'assistant', content: 'Bonn is dry.', refusal: null },
        { role: 'user', content: 'And now?' },
        { role: 'assistant', tool_calls: [toolCall('a', 'Ulm')] },
        { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'foggy' }] },
      ],
      tools: [chatTool('weather')],
    },
    sees: {
      messages: [
        { role: 'user', content: 'Compare.' },
        { role: 'assistant', content: [toolUse('a', 'Kiel'), toolUse('b', 'Bonn')] },
        { role: 'user', content: [toolResult('a', 'wet'), toolResult('b', 'dry')] },
        { role: 'assistant', content: 'Bonn is dry.' },
        { role: 'user', content: 'And now?' },
        { role: 'assistant', content: [toolUse('toolu_4f395a2e9ea1c0680348d384135458270e', 'Ulm')] },
        { role: 'user', content: [toolResult('toolu_4f395a2e9ea1c0680348d384135458270e', 'foggy')] },
      ],
    },
    losses: ['tool-result-moved;messages.2'],
  },
  {
    says: 'an earlier refusal, and who spoke',
    body: {
      messages: [
        { role: 'user', content: 'Harm.', name: 'ada' },
        { role: 'assistant', content: null, refusal: 'No.' },
        { role: 'user', content: 'Why?' },
      ],
    },
    sees: {
      messages: [
        { role: 'user', content: 'Harm.' },
        { role: 'assistant', content: 'No.' },
        { role: 'user', content: 'Why?' },
      ],
    },
    losses: ['participant-name-unsupported;messages.0.name', 'refusal-as-text;messages.1.refusal'],
  },
];

function toolCall(id: string, name: string) {
  return { id, type: 'function', function: { name: 'weather', arguments: JSON.stringify({ city: name }) } };
}

function toolUse(id: string, name: string) {
  return { type: 'tool_use', id, name: 'weather', input: { city: name } };
}

function toolResult(id: string, content: string) {
  return { type: 'tool_result', tool_use_id: id, content };
}

const openaiRefused: readonly RefusedRow[] = [
  {
    says: 'audio',
    body: { messages: user([{ type: 'input_audio', input_audio: { data: btoa('RIFF....WAVE'), format: 'wav' } }]) },
    status: 400,
    names: 'messages.0.content.0',
  },
  {
    says: 'an answer in audio',
    body: { messages: user('Hi'), modalities: ['text', 'audio'], audio: { voice: 'ash', format: 'wav' } },
    status: 400,
    names: 'modalities',
  },
  {
    says: 'a file of another provider by its id',
    body: { messages: user([{ type: 'file', file: { file_id: 'file-1' } }]) },
    status: 400,
    names: 'messages.0.content.0',
  },
  {
    says: 'a drawing that nobody else takes',
    body: {
      messages: user([{ type: 'image_url', image_url: { url: `data:image/svg+xml;base64,${btoa('<svg/>')}` } }]),
    },
    status: 400,
    names: 'messages.0.content.0.image_url.url',
  },
  {
    says: 'a search at the provider',
    body: { messages: user('Hi'), web_search_options: {} },
    status: 400,
    names: 'web_search_options',
  },
  { says: 'a field that nobody knows', body: { messages: user('Hi'), magic: 1 }, status: 400, names: 'magic' },
];

const called = { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }] };
const resultOf = (content: unknown, more: object = {}) => ({
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content, ...more }],
});

const anthropicRows: readonly Row[] = [
  {
    says: 'images by address and inline, and a PDF with its title',
    body: {
      messages: user([
        { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
        png,
        { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf }, title: 'tariff' },
        { type: 'text', text: 'Compare.' },
      ]),
    },
    sees: {
      messages: user([
        { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        { type: 'image_url', image_url: { url: pngUrl } },
        { type: 'file', file: { filename: 'tariff.pdf', file_data: pdfUrl } },
        { type: 'text', text: 'Compare.' },
      ]),
    },
    losses: [],
  },
  {
    says: 'documents of text and of blocks, and a search result, with citations',
    body: {
      messages: user([
        { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'fair' }, title: 'A' },
        { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'equal' }] } },
        {
          type: 'search_result',
          source: 'https://example.com',
          title: 'B',
          content: [{ type: 'text', text: 'even' }],
          citations: { enabled: true },
        },
        { type: 'text', text: 'Compare.' },
      ]),
    },
    sees: {
      messages: user(
        ['Title: A', 'fair', 'equal', 'Title: B\nSource: https://example.com', 'even', 'Compare.'].map(text => ({
          type: 'text',
          text,
        })),
      ),
    },
    losses: [
      'document-as-text;messages.0.content.0',
      'document-as-text;messages.0.content.1',
      'citations-unsupported;messages.0.content.2.citations',
      'search-result-as-text;messages.0.content.2',
    ],
  },
  {
    says: 'an image and a PDF in the result of a tool that failed',
    body: {
      messages: [
        ...user('Look.'),
        called,
        resultOf(
          [
            { type: 'text', text: 'Half of it:' },
            png,
            { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf } },
          ],
          { is_error: true },
        ),
      ],
      tools: [messagesTool('look')],
    },
    sees: {
      messages: [
        ...user('Look.'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'toolu_1', content: 'Error: Half of it:' },
        ...user([
          { type: 'text', text: 'Returned by tool call toolu_1:' },
          { type: 'image_url', image_url: { url: pngUrl } },
          { type: 'file', file: { filename: 'document.pdf', file_data: pdfUrl } },
        ]),
      ],
    },
    losses: [
      'tool-result-media-moved;messages.2.content.0.content.1',
      'tool-result-media-moved;messages.2.content.0.content.2',
      'tool-error-as-text;messages.2',
    ],
  },
  {
    says: 'how to sample and where to stop',
    body: { messages: user('Hi'), top_k: 5, stop_sequences: ['a', 'b', 'c', 'd', 'e'], metadata: { user_id: 'u-1' } },
    sees: { stop: ['a', 'b', 'c', 'd'], safety_identifier: 'u-1' },
    losses: ['top-k-unsupported;top_k', 'stop-count-unsupported;stop_sequences.4'],
  },
  {
    says: 'the beginning of the answer',
    body: { messages: [...user('Say {'), { role: 'assistant', content: '{' }] },
    sees: { messages: [...user('Say {'), { role: 'assistant', content: '{' }] },
    losses: ['prefill-unsupported;messages.1'],
  },
  {
    says: 'one call at a time of a tool with marks and streamed arguments',
    body: {
      messages: user('Hi'),
      tools: [
        messagesTool('look', { cache_control: { type: 'ephemeral' }, eager_input_streaming: true, strict: true }),
      ],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    },
    sees: { tools: [chatTool('look', { strict: true })], tool_choice: 'required', parallel_tool_calls: false },
    losses: ['eager-input-streaming-unsupported;tools.0.eager_input_streaming', 'cache-mark-unsupported;tools.0'],
  },
  {
    says: 'what to think of and how to cut its context',
    body: {
      messages: user('Hi'),
      thinking: { type: 'adaptive' },
      output_config: { effort: 'low' },
      context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
    },
    sees: { reasoning_effort: 'low' },
    losses: ['context-management-unsupported;context_management.edits.0'],
  },
];

const anthropicRefused: readonly RefusedRow[] = [
  {
    says: 'a PDF by its address, for a key that may not have it fetched',
    body: { messages: user([{ type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } }]) },
    status: 400,
    names: 'messages.0.content.0',
  },
  {
    says: 'a stored file',
    body: { messages: user([{ type: 'image', source: { type: 'file', file_id: 'file_1' } }]) },
    status: 400,
    names: 'messages.0.content.0',
  },
  {
    says: 'bytes that are no PDF',
    body: {
      messages: user([
        { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: btoa('no') } },
      ]),
    },
    status: 400,
    names: 'messages.0.content.0.source.data',
  },
  {
    says: 'servers of tools',
    body: { messages: user('Hi'), mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'a' }] },
    status: 400,
    names: 'mcp_servers',
  },
  {
    says: 'a place of computation',
    body: { messages: user('Hi'), inference_geo: 'us' },
    status: 400,
    names: 'inference_geo',
  },
  { says: 'another speed', body: { messages: user('Hi'), speed: 'fast' }, status: 400, names: 'speed' },
  { says: 'a field that nobody knows', body: { messages: user('Hi'), magic: 1 }, status: 400, names: 'magic' },
  {
    says: 'thinking of a user',
    body: { messages: user([{ type: 'thinking', thinking: 'a', signature: 'b' }]) },
    status: 400,
    names: 'messages.0.content.0',
  },
];

// The casts are true of the rows above: they are what the clients' own types allow, but for fields that nobody knows.
const chatBody = (body: Row['body']) =>
  ({ model: claude, ...body }) as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming;
const messagesBody = (body: Row['body']) =>
  ({ model: gpt, max_tokens: 100, ...body }) as unknown as Anthropic.MessageCreateParamsNonStreaming;

suite('openai to a provider of anthropic-messages', () => {
  for (const row of openaiRows) {
    test(`says ${row.says}`, async () => {
      const whole = await openai.chat.completions.create(chatBody(row.body));
      const lost = losses;
      const streamed = await openai.chat.completions
        .stream({ ...chatBody(row.body), stream: true })
        .finalChatCompletion();

      assert.equal(streamed.choices[0]!.message.content, whole.choices[0]!.message.content);
      assert.deepEqual(lost, row.losses);
      assert.deepEqual(losses, row.losses);
      for (const body of sentBodies()) assert.deepEqual(pick(body, row.sees), row.sees);
    });
  }

  for (const row of openaiRefused) {
    test(`is refused ${row.says}`, async () => {
      for (const stream of [false, true]) {
        await assert.rejects(openai.chat.completions.create({ ...chatBody(row.body), stream }), (error: unknown) => {
          assert.ok(error instanceof OpenAI.APIError);
          assert.deepEqual([error.status, error.param], [row.status, row.names]);
          return true;
        });
      }
      assert.equal(emulator.requests().length, 0);
    });
  }
});

suite('anthropic to a provider of openai-chat', () => {
  for (const row of anthropicRows) {
    test(`says ${row.says}`, async () => {
      const whole = await anthropic.messages.create(messagesBody(row.body));
      const lost = losses;
      const streamed = await anthropic.messages.stream(messagesBody(row.body)).finalMessage();

      assert.equal(streamed.stop_reason, whole.stop_reason);
      assert.deepEqual(withoutIds(streamed.content), withoutIds(whole.content));
      assert.deepEqual(lost, row.losses);
      assert.deepEqual(losses, row.losses);
      for (const body of sentBodies()) assert.deepEqual(pick(body, row.sees), row.sees);
    });
  }

  for (const row of anthropicRefused) {
    test(`is refused ${row.says}`, async () => {
      for (const stream of [false, true]) {
        await assert.rejects(anthropic.messages.create({ ...messagesBody(row.body), stream }), (error: unknown) => {
          assert.ok(error instanceof Anthropic.APIError);
          assert.equal(error.status, row.status);
          assert.ok(error.message.includes(row.names), error.message);
          return true;
        });
      }
      assert.equal(emulator.requests().length, 0);
    });
  }
});

function withoutIds(content: readonly Anthropic.ContentBlock[]): unknown[] {
  return content.map(block => (block.type === 'tool_use' ? { ...block, id: '' } : block));
}

const Person = z.object({ name: z.string(), age: z.number(), tags: z.array(z.enum(['a', 'b'])) });
const City = z.object({ city: z.string() });

suite('the helpers of openai, over a provider of anthropic-messages', () => {
  const tools = [
    zodFunction({ name: 'weather', parameters: City, function: ({ city: name }) => `wet in ${typeof name}` }),
  ];
  const task = 'step 1: call the tool weather with {"city":"Kiel"}\nstep 2: say exactly: It is wet.';

  test('parse an answer by a schema of zod, whole and streamed', async () => {
    const asked = {
      model: claude,
      messages: [{ role: 'user' as const, content: 'Who?' }],
      response_format: zodResponseFormat(Person, 'person'),
    };

    const whole = await openai.chat.completions.parse(asked);
    const streamed = await openai.chat.completions.stream(asked).finalChatCompletion();

    for (const { choices } of [whole, streamed]) assert.ok(Person.safeParse(choices[0]!.message.parsed).success);
    assert.deepEqual(losses, []);
  });

  test('parse the arguments of a call, whole and streamed', async () => {
    const asked = {
      model: claude,
      messages: [{ role: 'user' as const, content: 'Call the tool weather' }],
      tools: [zodFunction({ name: 'weather', parameters: City })],
    };

    const whole = await openai.chat.completions.parse(asked);
    const streamed = await openai.chat.completions.stream(asked).finalChatCompletion();

    for (const { choices } of [whole, streamed]) {
      const [call] = choices[0]!.message.tool_calls!;
      assert.ok(call?.type === 'function' && City.safeParse(call.function.parsed_arguments).success);
    }
    assert.deepEqual(losses, []);
  });

  test('run tools until the answer is there, whole and streamed', async () => {
    const asked = { model: claude, messages: [{ role: 'user' as const, content: task }], tools };

    const whole = openai.chat.completions.runTools(asked);
    assert.equal(await whole.finalContent(), 'It is wet.');
    const streamed = openai.chat.completions.runTools({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    assert.equal(await streamed.finalContent(), 'It is wet.');

    const usage = await streamed.totalUsage();
    assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    assert.deepEqual(
      sentBodies().map(body => (body['messages'] as unknown[]).length),
      [1, 3, 1, 3],
    );
    for (const body of [sentBodies()[1]!, sentBodies()[3]!]) {
      const [, , results] = body['messages'] as { content: { content: string }[] }[];
      assert.equal(results!.content[0]!.content, 'wet in string');
    }
  });

  test('hear a stream piece by piece: text, arguments, the end', async () => {
    const heard: string[] = [];
    const said = openai.chat.completions.stream({
      model: claude,
      messages: [{ role: 'user', content: 'Call the tool weather' }],
      tools: [zodFunction({ name: 'weather', parameters: City })],
    });
    said.on('tool_calls.function.arguments.delta', ({ arguments_delta: text }) => heard.push(text));
    said.on('tool_calls.function.arguments.done', ({ parsed_arguments: parsed }) => {
      assert.ok(City.safeParse(parsed).success);
      heard.push('done');
    });
    await said.done();

    assert.ok(heard.length > 2, 'arguments come in pieces');
    assert.equal(heard.at(-1), 'done');
    assert.ok(City.safeParse(JSON.parse(heard.slice(0, -1).join(''))).success);
  });

  test('show a refusal as one, whole and streamed', async () => {
    const body = chatBody({ messages: user('Refuse to answer') });
    const whole = await openai.chat.completions.create(body);
    const streamed = await openai.chat.completions.stream({ ...body, stream: true }).finalChatCompletion();

    for (const { choices } of [whole, streamed]) {
      const [choice] = choices as unknown as Record<string, unknown>[];
      assert.equal(choice!['native_finish_reason'], 'refusal');
    }
  });

  test('see the limits of the provider in their own names, and retry as it advises', async () => {
    const retrying = new OpenAI({ apiKey: acmeKey, baseURL: `${carrier.url}/v1`, maxRetries: 1 });
    emulator.script('times=1;status=429;retry-after=0');

    const { data, response } = await retrying.chat.completions
      .create(chatBody({ messages: user('Hi') }))
      .withResponse();

    assert.equal(data.choices[0]!.finish_reason, 'stop');
    assert.match(response.headers.get('x-ratelimit-remaining-requests') ?? '', /^[0-9]+$/);
    assert.match(response.headers.get('x-ratelimit-reset-tokens') ?? '', /^[0-9]+(ms|s|m)/);
    assert.equal(response.headers.get('x-carrier-ratelimit-source'), 'anthropic-messages');
  });
});

suite('the helpers of anthropic, over a provider of openai-chat', () => {
  const task = 'step 1: call the tool weather with {"city":"Kiel"}\nstep 2: say exactly: It is wet.';

  test('parse an answer by a schema of zod, whole and streamed', async () => {
    const asked = {
      model: gpt,
      max_tokens: 500,
      messages: [{ role: 'user' as const, content: 'Who?' }],
      output_config: { format: zodOutputFormat(Person) },
    };

    const whole = await anthropic.messages.parse(asked);
    const streamed = await anthropic.messages.stream(asked).finalMessage();

    for (const { parsed_output: parsed } of [whole, streamed]) assert.ok(Person.safeParse(parsed).success);
    assert.deepEqual(losses, []);
  });

  for (const [model, asked] of [
    [gpt, 2],
    // Its provider is asked for the thread itself, and says the same.
    [claude, 3],
  ] as const) {
    for (const stream of [false, true]) {
      test(`run tools of ${model} until the answer is there, ${stream ? 'streamed' : 'whole'}`, async () => {
        const heard: string[] = [];
        const weather = betaZodTool({
          name: 'weather',
          description: 'What it is like.',
          inputSchema: City,
          run: ({ city: name }) => {
            heard.push(name);
            return `wet in ${name}`;
          },
        });

        const runner = anthropic.beta.messages.toolRunner({
          model,
          max_tokens: 500,
          messages: [{ role: 'user', content: task }],
          tools: [weather],
          stream,
        });
        // It asks for a thread first, which only its own provider may keep; being told so, it goes on without.
        const last = await runner.runUntilDone();

        assert.deepEqual(
          last.content.map(block => (block.type === 'text' ? block.text : block.type)),
          ['It is wet.'],
        );
        assert.deepEqual(heard, ['Kiel']);
        assert.equal(emulator.requests().length, asked);
        assert.ok(JSON.stringify(sentBodies().at(-1)!['messages']).includes('wet in Kiel'));
      });
    }
  }

  for (const version of ['2023-06-01', '2026-10-21']) {
    test(`parse by the second API, version ${version}, whatever betas are named`, async () => {
      const versioned = new Anthropic({
        apiKey: acmeKey,
        baseURL: carrier.url,
        maxRetries: 0,
        fetch: listening,
        defaultHeaders: { 'anthropic-version': version },
      });
      const asked = {
        model: gpt,
        max_tokens: 500,
        messages: [{ role: 'user' as const, content: 'Who?' }],
        betas: ['structured-outputs-2025-11-13', 'context-management-2025-06-27'],
        output_config: { format: betaZodOutputFormat(Person) },
      };

      const whole = await versioned.beta.messages.parse(asked);
      const streamed = await versioned.beta.messages.stream(asked).finalMessage();

      for (const { parsed_output: parsed } of [whole, streamed]) assert.ok(Person.safeParse(parsed).success);
      assert.deepEqual(losses, []);
    });
  }

  test('are told that a thread is kept by its own provider only, begun or gone on with', async () => {
    for (const thread of [{ type: 'create' }, { type: 'continue', previous_message_id: 'msg_1' }]) {
      await assert.rejects(
        anthropic.messages.create(messagesBody({ messages: user('Hi'), thread })),
        (error: unknown) => {
          assert.ok(error instanceof Anthropic.BadRequestError);
          assert.equal(error.errorCode, 'thread_unsupported_request');
          return true;
        },
      );
    }
    assert.equal(emulator.requests().length, 0);
  });

  test('hear a stream piece by piece: its start with input tokens, text, arguments, thinking', async () => {
    const heard: string[] = [];
    let told = 0;
    const said = anthropic.messages.stream({
      model: gpt,
      max_tokens: 2_000,
      messages: [{ role: 'user', content: 'Call the tool weather' }],
      tools: [messagesTool('weather') as Anthropic.Tool],
    });
    said.on('streamEvent', event => {
      if (event.type === 'message_start') told = event.message.usage.input_tokens;
    });
    said.on('inputJson', piece => heard.push(piece));
    const end = await said.finalMessage();

    assert.ok(told > 0);
    assert.ok(heard.length > 1, 'arguments come in pieces');
    const [block] = end.content;
    assert.ok(block?.type === 'tool_use');
    assert.deepEqual(JSON.parse(heard.join('')), block.input);
  });

  test('show a refusal as one, whole and streamed', async () => {
    const body = messagesBody({ messages: user('Refuse to answer') });
    const whole = await anthropic.messages.create(body);
    const streamed = await anthropic.messages.stream(body).finalMessage();

    for (const answer of [whole, streamed]) {
      assert.equal(answer.stop_reason, 'refusal');
      assert.deepEqual(answer.content, [{ type: 'text', text: 'I cannot help with that.' }]);
    }
  });

  test('see the limits of the provider in their own names, and retry as it advises', async () => {
    const retrying = new Anthropic({ apiKey: acmeKey, baseURL: carrier.url, maxRetries: 1 });
    emulator.script('times=1;status=429;retry-after=0');

    const { data, response } = await retrying.messages.create(messagesBody({ messages: user('Hi') })).withResponse();

    assert.equal(data.stop_reason, 'end_turn');
    assert.match(response.headers.get('anthropic-ratelimit-requests-remaining') ?? '', /^[0-9]+$/);
    assert.match(response.headers.get('anthropic-ratelimit-tokens-reset') ?? '', /^2[0-9]{3}-.*Z$/);
    assert.equal(response.headers.get('x-carrier-ratelimit-source'), 'openai-chat');
  });
});
