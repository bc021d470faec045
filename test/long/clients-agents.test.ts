import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { DialectName } from '../../src/completion/request.ts';
import { dialects } from '../../src/dialects/registry.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { type Agent, taskOf } from '../clients/agents/agent.ts';
import { claudeCode } from '../clients/agents/claude-code.ts';
import { codex } from '../clients/agents/codex.ts';
import { geminiCli } from '../clients/agents/gemini-cli.ts';
import { opencodes } from '../clients/agents/opencode.ts';
import { installClients } from '../clients/installed-client.ts';
import { declareOffers, modelOf, type Offer, offers } from '../clients/offers.ts';
import { type AgentEnd, runAgent } from '../clients/run-agent.ts';
import { providerKey } from '../scenarios/support/declare-supply.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';

// Every coding agent does a task with its own tools, one after the other, over a provider of every dialect. The emulator
// plays the models: it follows the steps of the prompt, and holds the requests to the rules of each provider. What Claude
// Code does beside such a task is in claude-code.test.ts.

const skip = installClients() ?? false;
if (skip !== false) process.stdout.write(`\nNOT SHOWN: the coding agents are not installed; ${skip}\n`);

const standing = new Set(dialects.keys());
const agents = [claudeCode, codex, geminiCli, ...opencodes].filter(({ dialect }) => standing.has(dialect));

let emulator: Emulator;
let carrier: Carrier;
let apiKey: string;
let poorKey: string;

before(async () => {
  if (skip !== false) return;
  emulator = await startEmulator({ apiKeys: [providerKey] });
  const declared = declareOffers({ emulatorUrl: emulator.url, clients: ['agents', 'poor'] });
  apiKey = declared.keys.get('agents')!;
  poorKey = declared.keys.get('poor')!;
  carrier = await startCarrier(declared);
  await carrier.apply(`
organisations:
  acme:
    projects:
      poor: { budget: { limit: "0.0001", period: total, hard: true } }
`);
});
after(() => emulator?.stop());

interface Done extends AgentEnd {
  /** What stood in the file when the agent had ended. */
  readonly written: string | undefined;
  readonly exchanges: readonly Exchange[];
}

interface Exchange {
  readonly id: string;
  readonly dialect: string;
  readonly status: string;
  readonly outcome: string;
  readonly attempts: readonly { readonly deployment: string }[];
  readonly losses: readonly { readonly code: string; readonly path: string }[];
  readonly reading: Readonly<Record<string, number | string>>;
  readonly sell: { readonly amount: string };
}

/** What an agent's exchanges lose over a provider of a dialect; nothing where nothing is said. */
const losses: Readonly<Record<string, Readonly<Partial<Record<DialectName, readonly string[]>>>>> = {
  'claude-code': {
    'openai-chat': [
      'cache-mark-unsupported',
      'end-user-hashed',
      'thinking-updates-unsupported',
      'tool-deferral-unsupported',
    ],
    'openai-responses': [
      'cache-mark-unsupported',
      'end-user-hashed',
      'thinking-updates-unsupported',
      'tool-deferral-unsupported',
    ],
    gemini: [
      'cache-mark-unsupported',
      'reasoning-state-last',
      'system-as-user',
      'thinking-updates-unsupported',
      'tool-deferral-unsupported',
      'user-id-unsupported',
    ],
    'cohere-chat': [
      'cache-mark-unsupported',
      'reasoning-unsupported',
      'system-as-user',
      'thinking-updates-unsupported',
      'tool-deferral-unsupported',
      'user-id-unsupported',
    ],
    'bedrock-converse': ['end-user-hashed', 'thinking-updates-unsupported', 'tool-deferral-unsupported'],
  },
  codex: {
    'openai-chat': ['client-metadata-unsupported', 'hosted-tool-unsupported', 'tool-namespace-joined'],
    'anthropic-messages': [
      'client-metadata-unsupported',
      'hosted-tool-unsupported',
      'prompt-cache-key-unsupported',
      'tool-namespace-joined',
    ],
    gemini: [
      'client-metadata-unsupported',
      'hosted-tool-unsupported',
      'prompt-cache-key-unsupported',
      'tool-namespace-joined',
    ],
    'cohere-chat': [
      'client-metadata-unsupported',
      'hosted-tool-unsupported',
      'prompt-cache-key-unsupported',
      'reasoning-effort-unsupported',
      'tool-namespace-joined',
    ],
    'bedrock-converse': [
      'client-metadata-unsupported',
      'hosted-tool-unsupported',
      'prompt-cache-key-unsupported',
      'tool-namespace-joined',
    ],
  },
  'gemini-cli': {
    'openai-chat': ['top-k-unsupported', 'top-p-unsupported'],
    'anthropic-messages': ['top-k-unsupported', 'top-p-unsupported'],
    'openai-responses': ['top-k-unsupported', 'top-p-unsupported'],
    'cohere-chat': ['reasoning-unsupported'],
    'bedrock-converse': ['top-k-unsupported'],
  },
  'opencode by @ai-sdk/anthropic': {
    'openai-chat': ['cache-mark-unsupported'],
    gemini: ['cache-mark-unsupported', 'reasoning-state-last'],
  },
  'opencode by @ai-sdk/openai': { 'anthropic-messages': ['prompt-cache-key-unsupported'] },
};

/** Agents whose errors are in another test. */
const told: ReadonlySet<Agent> = new Set([claudeCode]);
/** Who asks again for half a minute, whatever is said. */
const insists: ReadonlySet<Agent> = new Set(opencodes);

async function work(agent: Agent, offer: Offer): Promise<Done> {
  emulator.clearRequests();
  const from = new Date().toISOString();
  const model = modelOf(offer);
  let written: string | undefined;
  const end = await runAgent({
    command: place => agent.command({ url: carrier.url, apiKey, model, prompt: taskOf(agent, place, model) }, place),
    inspect({ folder }) {
      const path = join(folder, 'tariff.txt');
      written = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    },
  });
  const sent = emulator.requests().length;
  const ids = await until('every exchange is in the ledger', async () => {
    const { json } = await carrier.api('GET', `/api/v1/exchanges?from=${from}`);
    return json.items.length >= sent ? (json.items as { id: string }[]) : undefined;
  });
  const answers = await Promise.all(ids.map(({ id }) => carrier.api('GET', `/api/v1/exchanges/${id}`)));
  return { ...end, written, exchanges: answers.map(({ json }) => json) };
}

for (const agent of agents) {
  suite(agent.name, { skip }, () => {
    for (const offer of offers.filter(({ dialect }) => agent.over?.includes(dialect) ?? true)) {
      test(`does its task over a provider of ${offer.dialect}`, async () => {
        const done = await work(agent, offer);

        assert.equal(done.code, 0, `${done.errors}\n${done.output.slice(-2_000)}`);
        assert.equal(agent.said(done), 'The tariff is written.', done.output.slice(-2_000));
        assert.equal(done.written, 'equal terms\n');
        assert.deepEqual(
          done.strayed.filter(host => !agent.asksBeside.includes(host)),
          [],
        );
        assert.equal(emulator.requests().length, 3);
        assert.equal(done.exchanges.length, 3);
        const lost = done.exchanges.flatMap(({ losses }) => losses.map(({ code }) => code));
        assert.deepEqual([...new Set(lost)].sort(), losses[agent.name]?.[offer.dialect] ?? []);
        for (const exchange of done.exchanges) {
          assert.deepEqual([exchange.dialect, exchange.status, exchange.outcome], [agent.dialect, 'settled', 'ok']);
          assert.equal(exchange.attempts[0]!.deployment, offer.vendor);
          assert.equal(exchange.reading['source'], 'provider');
          assert.ok(Number(exchange.reading['output']) > 0 && Number(exchange.sell.amount) > 0);
        }
      });
    }

    const refusals = [
      { what: 'a model that nobody knows', model: 'acme/unheard-of', poor: false, says: /acme\/unheard-of/ },
      {
        what: 'the end of its budget',
        model: 'openai/gpt-5',
        poor: true,
        says: /[Qq]uota exceeded|total budget of project/,
      },
    ];
    for (const { what, model, poor, says } of refusals) {
      if (told.has(agent) || agent.over !== undefined || (poor && insists.has(agent))) continue;
      test(`is told of ${what}, says so and ends, and no provider is asked`, async () => {
        emulator.clearRequests();
        const key = poor ? poorKey : apiKey;
        const end = await runAgent({
          command: place => agent.command({ url: carrier.url, apiKey: key, model, prompt: 'Hello' }, place),
        });

        assert.notEqual(end.code, 0);
        assert.match(`${end.output}${end.errors}`, says);
        assert.equal(emulator.requests().length, 0);
      });
    }
  });
}
