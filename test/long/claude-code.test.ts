import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { runClaudeCode, type Task } from '../clients/agents/claude-code.ts';
import { installClients } from '../clients/installed-client.ts';
import type { AgentEnd } from '../clients/run-agent.ts';
import { acmeKey, declareSupply, providerKey } from '../scenarios/support/declare-supply.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';
import { pixel } from '../support/media-server.ts';

// The coding agent @anthropic-ai/claude-code does a task with its own tools, over providers of either dialect. The
// emulator plays the model: it follows the steps of the prompt, and holds the agent's requests to the provider's rules.

const skip = installClients() ?? false;
if (skip !== false) process.stdout.write(`\nNOT SHOWN: the coding agent is not installed; ${skip}\n`);

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  const routes = ['routes:', '  claude-opus-5: { candidates: [ { deployment: gpt-5-us } ] }'];
  carrier = await startCarrier(declareSupply({ emulatorUrl: emulator.url, more: routes }));
  const rates = ['openai/gpt-5.6', 'deepseek/deepseek-v4-pro'].map(model => `${model}: { input: "1", output: "2" }`);
  await carrier.apply(`
providers:
  maker: { kind: openai, dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:OPENAI_API_KEY }
  deepseek: { kind: deepseek, dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:OPENAI_API_KEY }
deployments:
  newest: { provider: maker, model: openai/gpt-5.6, targetModel: gpt-5.6 }
  deep: { provider: deepseek, model: deepseek/deepseek-v4-pro, targetModel: deepseek-v4-pro }
prices:
  sell: { currency: USD, rates: { ${rates.join(', ')} } }
  buy: { currency: USD, rates: { ${rates.join(', ')} } }
`);
});
after(() => emulator.stop());
beforeEach(() => {
  emulator.replaceRules([]);
  emulator.clearRequests();
});

interface Done extends AgentEnd {
  /** What stood in the file when the agent had ended. */
  readonly written: string;
  readonly exchanges: readonly Exchange[];
}

interface Exchange {
  readonly id: string;
  readonly stream: boolean;
  readonly status: string;
  readonly outcome: string;
  readonly requestedModel: string;
  readonly losses: readonly { readonly code: string; readonly path: string }[];
  readonly reading: Readonly<Record<string, number | string>>;
  readonly sell: { readonly amount: string };
}

/** Writes a file, reads it and shows it with another tool at once, and says so: three turns of the model. */
function steps(folder: string): string {
  const file = JSON.stringify(join(folder, 'tariff.txt'));
  return [
    'Write down the tariff.',
    `step 1: call the tool Write with {"file_path":${file},"content":"equal terms\\n"}`,
    `step 2: call the tool Read with {"file_path":${file}} and call the tool Bash with {"command":"cat tariff.txt","description":"Show"}`,
    'step 3: say exactly: The tariff is written.',
  ].join('\n');
}

async function work(task: Pick<Task, 'model' | 'env'>): Promise<Done> {
  const startedAt = new Date().toISOString();
  let written = '';
  const end = await runClaudeCode({
    url: carrier.url,
    apiKey: acmeKey,
    prompt: steps,
    inspect: folder => {
      written = readFileSync(join(folder, 'tariff.txt'), 'utf8');
    },
    ...task,
  });
  const sent = emulator.requests().length;
  const ids = await until('every exchange is in the ledger', async () => {
    const { json } = await carrier.api('GET', `/api/v1/exchanges?from=${startedAt}`);
    return json.items.length >= sent ? (json.items as { id: string }[]) : undefined;
  });
  const answers = await Promise.all(ids.map(({ id }) => carrier.api('GET', `/api/v1/exchanges/${id}`)));
  return { ...end, written, exchanges: answers.map(({ json }) => json) };
}

/** What every run of the task shows, whoever the model is. */
function assertDone(done: Done): void {
  assert.equal(done.code, 0, done.errors);
  const end = done.events.find(event => event.type === 'result');
  assert.deepEqual([end?.subtype, end?.is_error, end?.result], ['success', false, 'The tariff is written.']);
  assert.equal(done.written, 'equal terms\n');
  assert.deepEqual(done.strayed, []);

  assert.equal(done.exchanges.length, 3);
  assert.equal(emulator.requests().length, 3);
  for (const exchange of done.exchanges) {
    assert.deepEqual([exchange.stream, exchange.status, exchange.outcome], [true, 'settled', 'ok']);
    assert.equal(exchange.reading['source'], 'provider');
    assert.ok(Number(exchange.reading['output']) > 0);
    assert.ok(Number(exchange.sell.amount) > 0);
  }
}

/** Input tokens that the agent is told at the start of each answer, by which it decides when to compact. */
function inputTokensAtStart(done: Done): number[] {
  const starts = done.events.filter(event => event.event?.type === 'message_start');
  return starts.map(({ event }) => {
    const usage = event!.message!.usage;
    const slices = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];
    return slices.reduce((sum, slice) => sum + Number(usage[slice] ?? 0), 0);
  });
}

/** What the agent says to every model and chat completions have no word for. None of it changes an answer. */
const usualLosses = ['cache-mark-unsupported', 'end-user-hashed', 'tool-deferral-unsupported'];

function lossCodes({ losses }: Exchange): string[] {
  return [...new Set(losses.map(loss => loss.code))].sort();
}

suite('claude-code', { skip }, () => {
  test('does its task over a provider of openai-chat, thinking as it asks', async () => {
    const done = await work({ model: 'openai/gpt-5' });

    assertDone(done);
    for (const exchange of done.exchanges) {
      assert.deepEqual(lossCodes(exchange), [...usualLosses, 'thinking-updates-unsupported'].sort());
      assert.ok(Number(exchange.reading['reasoning']) > 0);
    }
    const told = inputTokensAtStart(done);
    assert.equal(told.length, 3);
    for (const tokens of told) assert.ok(tokens > 10_000, `${tokens} tokens were told`);
    const [, , last] = emulator.requests().map(request => JSON.parse(String(request.body)));
    assert.equal(last.reasoning_effort, 'high');
    assert.deepEqual(
      last.messages.slice(-3).map((message: { role: string; content: unknown }) => [message.role, message.content]),
      [
        ['assistant', null],
        ['tool', '1\tequal terms\n2\t'],
        ['tool', 'equal terms'],
      ],
    );
  });

  test('does it with thinking off and the least effort', async () => {
    const env = { MAX_THINKING_TOKENS: '0', CLAUDE_CODE_EFFORT_LEVEL: 'low' };
    const done = await work({ model: 'openai/gpt-5', env });

    assertDone(done);
    for (const exchange of done.exchanges) assert.deepEqual(lossCodes(exchange), usualLosses);
    for (const request of emulator.requests()) {
      assert.equal(JSON.parse(String(request.body)).reasoning_effort, 'low');
    }
  });

  test('does it by the name of a model that it knows, which a route gives to another', async () => {
    const done = await work({ model: 'claude-opus-5' });

    assertDone(done);
    for (const exchange of done.exchanges) {
      assert.equal(exchange.requestedModel, 'claude-opus-5');
      // It asks for twice what this deployment can.
      assert.deepEqual(
        lossCodes(exchange),
        [...usualLosses, 'output-limit-lowered', 'thinking-updates-unsupported'].sort(),
      );
    }
  });

  test('does it over a provider of its own dialect, and nothing is lost', async () => {
    const done = await work({ model: 'anthropic/claude-sonnet-5' });

    assertDone(done);
    for (const exchange of done.exchanges) {
      assert.deepEqual(exchange.losses, []);
      assert.ok(Number(exchange.reading['cacheWrite5m']) > 10_000);
    }
    const told = inputTokensAtStart(done);
    assert.equal(told.length, 3);
    for (const tokens of told) assert.ok(tokens > 10_000, `${tokens} tokens were told`);
    const [, second] = emulator.requests().map(request => JSON.parse(String(request.body)));
    assert.equal(second.context_management.edits[0].type, 'clear_thinking_20251015');
    assert.equal(
      second.messages.findLast(({ role }: { role: string }) => role === 'assistant').content[0].type,
      'thinking',
    );
  });

  test('has its cache marks where a model takes them', async () => {
    const done = await work({ model: 'openai/gpt-5.6' });

    assertDone(done);
    for (const request of emulator.requests()) {
      const { messages, prompt_cache_options: options } = JSON.parse(String(request.body));
      assert.deepEqual(options, { mode: 'explicit' });
      assert.equal(JSON.stringify(messages).split('"prompt_cache_breakpoint"').length - 1, 3);
    }
  });

  test('gives back what a host thought that insists on it', async () => {
    emulator.script('show-reasoning=reasoning_content');
    const done = await work({ model: 'deepseek/deepseek-v4-pro' });

    assertDone(done);
    const [, , last] = emulator.requests().map(request => JSON.parse(String(request.body)));
    const thought = last.messages.filter((message: { role: string }) => message.role === 'assistant');
    assert.equal(thought.length, 2);
    for (const message of thought) assert.ok(message.reasoning_content.length > 0);
  });

  test('shows a model of chat completions the image that its tool has read', async () => {
    const prompt = (folder: string) => {
      const file = join(folder, 'map.png');
      writeFileSync(file, Buffer.from(pixel, 'base64'));
      return `step 1: call the tool Read with {"file_path":${JSON.stringify(file)}}\nstep 2: say exactly: A map.`;
    };
    const end = await runClaudeCode({ url: carrier.url, apiKey: acmeKey, model: 'openai/gpt-5', prompt });

    assert.equal(end.code, 0, end.errors);
    assert.equal(end.events.find(event => event.type === 'result')?.result, 'A map.');
    const [, second] = emulator.requests().map(request => JSON.parse(String(request.body)));
    assert.equal(
      second.messages.some((message: { role: string }) => message.role === 'tool'),
      true,
    );
    const shown = second.messages.flatMap(({ content }: { content: unknown }) =>
      Array.isArray(content) ? content : [],
    );
    const images = shown.filter((part: { type: string }) => part.type === 'image_url');
    assert.equal(images.length, 1);
    assert.match(images[0].image_url.url, /^data:image\/png;base64,iVBOR/);
  });

  for (const [model, counted] of [
    ['openai/gpt-5', 0],
    ['anthropic/claude-sonnet-5', 1],
  ] as const) {
    test(`counts what its context holds of ${model}`, async () => {
      const end = await runClaudeCode({ url: carrier.url, apiKey: acmeKey, model, prompt: () => '/context' });

      assert.equal(end.code, 0, end.errors);
      assert.match(end.events.find(event => event.type === 'result')?.result ?? '', /System tools \| [1-9][0-9.]*k /);
      assert.deepEqual(end.strayed, []);
      const paths = new Set(emulator.requests().map(request => request.path));
      assert.deepEqual([...paths], counted === 0 ? [] : ['/v1/messages/count_tokens?beta=true']);
    });
  }

  test('is told by name what is wrong, and asks nothing of a provider', async () => {
    const asked = { url: carrier.url, apiKey: acmeKey, model: 'openai/gpt-5', prompt: () => 'Hello' };
    const env = { CLAUDE_CODE_MAX_RETRIES: '0' };

    const ends = [
      await runClaudeCode({ ...asked, env, apiKey: 'wrong' }),
      await runClaudeCode({ ...asked, env, model: 'openai/unheard-of' }),
    ];

    const said = [/401 The key is not known here/, /issue with the selected model \(openai\/unheard-of\)/];
    for (const [index, { code, events }] of ends.entries()) {
      const end = events.find(event => event.type === 'result');
      assert.deepEqual([code, end?.is_error], [1, true]);
      assert.match(end?.result ?? '', said[index]!);
    }
    assert.equal(emulator.requests().length, 0);
  });
});
