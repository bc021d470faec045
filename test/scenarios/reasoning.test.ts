import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

// What models think crosses dialects and comes back: signed over tool turns, for clients that echo it and clients that do
// not. The emulator refuses thinking that is missing, changed or another model's, as the providers do.

const acmeKey = 'acme-secret-acme-secret-acme-secret-0';
const otherKey = 'other-secret-other-secret-other-secret';

const budgeted = 'anthropic/claude-sonnet-4-5';
const adaptive = 'anthropic/claude-opus-4-6';
const insisting = 'deepseek/deepseek-v4-pro';
const detailed = 'host/thinker';
const models = [budgeted, adaptive, insisting, detailed];

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({
    rules: ['model=deepseek-v4-pro;show-reasoning=reasoning_content', 'model=thinker;show-reasoning=reasoning_details'],
  });
  const rates = models.map(model => `${model}: { input: "1", output: "2" }`).join(', ');
  const yaml = `
providers:
  openai: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PROVIDER_KEY }
  anthropic: { kind: anthropic, dialect: anthropic-messages, baseUrl: "${emulator.url}", credential: env:PROVIDER_KEY }
  deepseek: { kind: deepseek, dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PROVIDER_KEY }
deployments:
  sonnet: { provider: anthropic, model: ${budgeted}, targetModel: claude-sonnet-4-5 }
  opus: { provider: anthropic, model: ${adaptive}, targetModel: claude-opus-4-6 }
  deep: { provider: deepseek, model: ${insisting}, targetModel: deepseek-v4-pro }
  host: { provider: openai, model: ${detailed}, targetModel: thinker }
prices:
  sell: { currency: USD, rates: { ${rates} } }
  buy: { currency: USD, rates: { ${rates} } }
organisations:
  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } }, allow: [ "**" ] } } }
  other: { projects: { web: { keys: { ci: { secret: env:OTHER_KEY } }, allow: [ "**" ] } } }
`;
  const env = { ACME_KEY: acmeKey, OTHER_KEY: otherKey, PROVIDER_KEY: 'provider-secret' };
  carrier = await startCarrier({ yaml, env, workers: 2 });
});
after(() => emulator?.stop());
beforeEach(() => emulator.clearRequests());

const losses: string[] = [];

async function listening(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  losses.length = 0;
  const declared = response.headers.get('x-carrier-loss');
  if (declared !== null) losses.push(...declared.split(', '));
  return response;
}

function openai(apiKey = acmeKey): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${carrier.url}/v1`, maxRetries: 0, fetch: listening });
}

function anthropic(version?: string): Anthropic {
  return new Anthropic({
    apiKey: acmeKey,
    baseURL: carrier.url,
    maxRetries: 0,
    fetch: listening,
    ...(version === undefined ? {} : { defaultHeaders: { 'anthropic-version': version } }),
  });
}

/** The last request that reached a provider. */
function sent() {
  return JSON.parse(emulator.requests().at(-1)!.body.toString());
}

const parameters = { type: 'object', properties: { city: { type: 'string', minLength: 3 } }, required: ['city'] };
const chatTools = [{ type: 'function' as const, function: { name: 'weather', parameters } }];
const messagesTools = [{ name: 'weather', input_schema: parameters as Anthropic.Tool.InputSchema }];
const asked = { role: 'user' as const, content: 'Think for 40 tokens, then call the tool weather' };

type ChatMessage = OpenAI.ChatCompletionMessage & {
  readonly reasoning_content?: string;
  readonly reasoning_details?: readonly { readonly type: string; readonly data: string }[];
};

async function chatTurn(
  model: string,
  messages: readonly unknown[],
  {
    stream = false,
    effort = 'medium',
    key = acmeKey,
  }: { stream?: boolean; effort?: 'medium' | 'none'; key?: string } = {},
): Promise<ChatMessage> {
  const body = {
    model,
    messages: messages as OpenAI.ChatCompletionMessageParam[],
    tools: chatTools,
    reasoning_effort: effort,
    max_completion_tokens: 20_000,
  };
  const answer = stream
    ? await openai(key).chat.completions.stream(body).finalChatCompletion()
    : await openai(key).chat.completions.create(body);
  return answer.choices[0]!.message as ChatMessage;
}

function chatResult(message: ChatMessage) {
  return { role: 'tool' as const, tool_call_id: message.tool_calls![0]!.id, content: 'sunny' };
}

/** What a client keeps that knows nothing but the API's own fields. */
function bare({ role, content, tool_calls }: ChatMessage) {
  return { role, content, tool_calls };
}

for (const stream of [false, true]) {
  const how = stream ? 'streamed' : 'whole';
  suite(`an OpenAI client and a Claude that signs its thinking, ${how}`, () => {
    for (const model of [budgeted, adaptive]) {
      test(`${model}: reasoning is shown, and comes back signed when the client echoes its message`, async () => {
        const called = await chatTurn(model, [asked], { stream });

        assert.ok(called.reasoning_content !== undefined);
        assert.equal(called.reasoning_details?.length, 1);
        assert.equal(called.reasoning_details[0]!.type, 'reasoning.encrypted');

        const answered = await chatTurn(model, [asked, called, chatResult(called)], { stream });

        assert.match(answered.content!, /The tool weather answered: sunny/);
        assert.deepEqual(losses, []);
        assert.equal(sent().messages[1].content[0].type, 'thinking');
        assert.equal(sent().messages[1].content[1].type, 'tool_use');
      });

      test(`${model}: it comes back for a client that keeps only ids`, async () => {
        const called = await chatTurn(model, [asked], { stream });

        const answered = await chatTurn(model, [asked, bare(called), chatResult(called)], { stream });

        assert.match(answered.content!, /The tool weather answered: sunny/);
        assert.deepEqual(losses, []);
        assert.equal(sent().messages[1].content[0].type, 'thinking');
        assert.notEqual(sent().thinking.type, 'disabled');
      });
    }

    test('thinking that is redacted comes back too', async () => {
      const question = { role: 'user', content: 'Redact your thinking and call the tool weather' };
      const called = await chatTurn(budgeted, [question], { stream });

      assert.equal(called.reasoning_content, undefined);
      for (const kept of [called, bare(called)]) {
        const answered = await chatTurn(budgeted, [question, kept, chatResult(called)], { stream });

        assert.match(answered.content!, /The tool weather answered: sunny/);
        assert.deepEqual(losses, []);
        assert.equal(sent().messages[1].content[0].type, 'redacted_thinking');
      }
    });
  });
}

test('what was kept outlives the worker that had it', async () => {
  const called = await chatTurn(budgeted, [asked]);
  const before = carrier.workerProcessIds();
  for (const id of before) process.kill(id, 'SIGKILL');
  await until('other workers serve', async () => {
    const now = carrier.workerProcessIds();
    if (now.length < 2 || now.some(id => before.includes(id))) return undefined;
    return (await fetch(`${carrier.url}/readyz`).catch(() => undefined))?.ok === true ? true : undefined;
  });

  await chatTurn(budgeted, [asked, bare(called), chatResult(called)]);

  assert.deepEqual(losses, []);
  assert.equal(sent().messages[1].content[0].type, 'thinking');
});

test('a client that keeps nothing of a call that nobody knows gets an answer without thinking, declared', async () => {
  const called = { role: 'assistant', content: null, tool_calls: [call('call_nobody_knows')] };

  const answered = await chatTurn(budgeted, [
    asked,
    called,
    { role: 'tool', tool_call_id: 'call_nobody_knows', content: 'sunny' },
  ]);

  assert.match(answered.content!, /sunny/);
  assert.deepEqual(losses, ['reasoning-state-missing;messages.1']);
  assert.equal(sent().thinking, undefined);
  const metrics = await (await fetch(`${carrier.url}/metrics`)).text();
  assert.match(metrics, /carrier_reasoning_recalls_total\{outcome="miss"\} [1-9]/);
  assert.match(metrics, /carrier_reasoning_recalls_total\{outcome="hit"\} [1-9]/);
});

function call(id: string) {
  return { id, type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } };
}

test('another organisation finds nothing under the same id, and cannot open the envelope', async () => {
  const called = await chatTurn(budgeted, [asked]);

  await chatTurn(budgeted, [asked, bare(called), chatResult(called)], { key: otherKey });
  assert.deepEqual(losses, ['reasoning-state-missing;messages.1']);

  await chatTurn(budgeted, [asked, called, chatResult(called)], { key: otherKey });
  assert.deepEqual(losses, [
    'reasoning-state-invalid;messages.1.reasoning_details.0',
    'reasoning-state-missing;messages.1',
  ]);
});

test('an envelope that was changed is left out, declared', async () => {
  const called = await chatTurn(budgeted, [asked]);
  const data = called.reasoning_details![0]!.data;
  const at = Math.floor(data.length / 2);
  const changed = data.slice(0, at) + (data[at] === 'A' ? 'B' : 'A') + data.slice(at + 1);
  const echoed = {
    ...called,
    tool_calls: [call('call_x')],
    reasoning_details: [{ type: 'reasoning.encrypted', data: changed }],
  };

  await chatTurn(budgeted, [asked, echoed, { role: 'tool', tool_call_id: 'call_x', content: 'sunny' }]);

  assert.deepEqual(losses, [
    'reasoning-state-invalid;messages.1.reasoning_details.0',
    'reasoning-state-missing;messages.1',
  ]);
});

test('after a change of the model its thinking is left out, declared, and the answer comes all the same', async () => {
  const called = await chatTurn(adaptive, [asked]);

  const answered = await chatTurn(budgeted, [asked, called, chatResult(called)]);

  assert.match(answered.content!, /sunny/);
  assert.deepEqual(losses, [
    'reasoning-state-foreign;messages.1.reasoning_details.0',
    'reasoning-state-missing;messages.1',
  ]);

  await chatTurn(adaptive, [asked, called, chatResult(called)]);
  assert.deepEqual(losses, []);
  assert.equal(sent().messages[1].content[0].type, 'thinking');
});

const thinking = { type: 'enabled', budget_tokens: 2_048 } as const;

async function messagesTurn(
  model: string,
  messages: readonly Anthropic.MessageParam[],
  { stream = false, version }: { stream?: boolean; version?: string } = {},
): Promise<Anthropic.Message> {
  const body = { model, messages: [...messages], tools: messagesTools, thinking, max_tokens: 20_000 };
  const api = anthropic(version).messages;
  return stream ? api.stream(body).finalMessage() : api.create(body);
}

function messagesResult(message: Anthropic.Message): Anthropic.MessageParam {
  const used = message.content.find(block => block.type === 'tool_use')!;
  return { role: 'user', content: [{ type: 'tool_result', tool_use_id: used.id, content: 'sunny' }] };
}

/** Coding agents clear older thinking down to these three fields. */
function cleared(message: Anthropic.Message): Anthropic.MessageParam {
  return {
    role: 'assistant',
    content: message.content.map(block =>
      block.type === 'thinking'
        ? { type: 'thinking' as const, thinking: block.thinking, signature: block.signature }
        : (block as Anthropic.ContentBlockParam),
    ),
  };
}

for (const version of ['2023-06-01', '2026-10-21']) {
  for (const stream of [false, true]) {
    suite(`an Anthropic client of ${version} and hosts that show their reasoning, ${stream ? 'streamed' : 'whole'}`, () => {
      for (const [model, field] of [
        [insisting, 'reasoning_content'],
        [detailed, 'reasoning'],
      ] as const) {
        test(`${model}: thinking is shown with a signature, and comes back in the words of the host`, async () => {
          const called = await messagesTurn(model, [asked], { stream, version });

          assert.deepEqual(
            called.content.map(block => block.type),
            ['thinking', 'tool_use'],
          );
          const [thought] = called.content;
          assert.ok(
            thought?.type === 'thinking' && thought.thinking.length > 20 && thought.signature.startsWith('carrier1'),
          );

          const answered = await messagesTurn(model, [asked, cleared(called), messagesResult(called)], {
            stream,
            version,
          });

          assert.match(answered.content.map(block => (block.type === 'text' ? block.text : '')).join(''), /sunny/);
          assert.equal(sent().messages[1][field], thought.thinking);
          assert.equal(losses.includes('reasoning-state-missing;messages.1'), false);
        });
      }

      test('it comes back for a client that drops thinking, where the host insists on it', async () => {
        const called = await messagesTurn(insisting, [asked], { stream, version });
        const kept = called.content.filter(block => block.type === 'tool_use');
        const history = [asked, { role: 'assistant' as const, content: kept }, messagesResult(called)];

        await messagesTurn(insisting, history, { stream, version });

        assert.ok(sent().messages[1].reasoning_content.length > 20);
        assert.equal(sent().thinking, undefined);
      });
    });
  }
}

test('a host that insists on its reasoning is told not to think where nobody has it any more', async () => {
  const kept: Anthropic.MessageParam = {
    role: 'assistant',
    content: [{ type: 'tool_use', id: 'toolu_unknown', name: 'weather', input: { city: 'Bern' } }],
  };
  const result: Anthropic.MessageParam = {
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: 'toolu_unknown', content: 'sunny' }],
  };

  const answered = await messagesTurn(insisting, [asked, kept, result]);

  assert.match(JSON.stringify(answered.content), /sunny/);
  assert.ok(losses.includes('reasoning-state-missing;messages.1'));
  assert.deepEqual(sent().thinking, { type: 'disabled' });
});

test('an Anthropic client goes on with a Claude, which is given nothing that another model thought', async () => {
  const called = await messagesTurn(insisting, [asked]);

  const answered = await messagesTurn(budgeted, [asked, cleared(called), messagesResult(called)]);

  assert.match(JSON.stringify(answered.content), /sunny/);
  assert.deepEqual(losses, ['reasoning-state-foreign;messages.1.content.0', 'reasoning-state-missing;thinking']);
  assert.deepEqual(sent().thinking, { type: 'disabled' });
  assert.deepEqual(
    sent().messages[1].content.map((block: { type: string }) => block.type),
    ['tool_use'],
  );

  const history = [asked, cleared(called), messagesResult(called)];
  const counted = await anthropic().messages.countTokens({ model: budgeted, messages: history, tools: messagesTools });
  assert.ok(counted.input_tokens > 10);

  const back = await messagesTurn(insisting, [asked, cleared(called), messagesResult(called)]);
  assert.match(JSON.stringify(back.content), /sunny/);
  assert.ok(sent().messages[1].reasoning_content.length > 20);
});

test('signed thinking of a Claude is left out, declared, when a client goes on with a host of another dialect', async () => {
  const called = await messagesTurn(budgeted, [asked]);
  assert.equal(losses.length, 0);

  const answered = await messagesTurn(insisting, [asked, cleared(called), messagesResult(called)]);

  assert.match(JSON.stringify(answered.content), /sunny/);
  assert.ok(losses.includes('reasoning-state-foreign;messages.1.content.0'));
  assert.ok(losses.includes('reasoning-state-missing;messages.1'));
});

test('a client that wants no thinking shown is shown none, and continues all the same', async () => {
  const body = {
    model: insisting,
    max_tokens: 4_000,
    tools: messagesTools,
    thinking: { type: 'adaptive' as const, display: 'omitted' as const },
  };
  const called = await anthropic()
    .messages.stream({ ...body, messages: [asked] })
    .finalMessage();

  const [thought] = called.content;
  assert.ok(thought?.type === 'thinking' && thought.thinking === '' && thought.signature.startsWith('carrier1'));

  await anthropic().messages.create({ ...body, messages: [asked, cleared(called), messagesResult(called)] });
  assert.ok(sent().messages[1].reasoning_content.length > 20);
});

test('the version sent to Anthropic is the newest that the request allows', async () => {
  const version = () => {
    const { rawHeaders } = emulator.requests().at(-1)!;
    return rawHeaders[rawHeaders.findIndex(name => name.toLowerCase() === 'anthropic-version') + 1];
  };
  const body = { model: budgeted, messages: [asked] };

  await openai().chat.completions.create(body);
  assert.equal(version(), '2026-10-21');

  await openai().chat.completions.create({ ...body, temperature: 0.5 });
  assert.equal(version(), '2023-06-01');
  assert.equal(sent().temperature, 0.5);

  await openai().chat.completions.create({ ...body, temperature: 0.5, reasoning_effort: 'low' });
  assert.equal(version(), '2026-10-21');
  assert.deepEqual(losses, ['temperature-unsupported;temperature']);
});
