import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { dialects } from '../../src/dialects/registry.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { installClients } from '../clients/installed-client.ts';
import { declareOffers, modelOf, type Offer, offerRules, offers } from '../clients/offers.ts';
import { allSdks } from '../clients/sdks/all-sdks.ts';
import type { ObjectSchema, Question, SdkClient, SdkKind, Told, Tool } from '../clients/sdks/sdk-client.ts';
import { providerKey } from '../scenarios/support/declare-supply.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';
import { pixel } from '../support/media-server.ts';

// Every SDK against a provider of every dialect, its own included, side by side on one carrier: whole and streamed answers,
// tools, an answer by schema, an image, errors, leaving in the middle, the list of models.

const skip = installClients() ?? false;
if (skip !== false) process.stdout.write(`\nNOT SHOWN: the SDKs are not installed; ${skip}\n`);

const standing = new Set(dialects.keys());
const kinds = allSdks.filter(({ dialect }) => standing.has(dialect));
const besideEachOther = 4;

let emulator: Emulator;
let carrier: Carrier;
let keys: ReadonlyMap<string, string>;

before(async () => {
  if (skip !== false) return;
  emulator = await startEmulator({ apiKeys: [providerKey], rules: offerRules });
  const declared = declareOffers({ emulatorUrl: emulator.url, clients: kinds.map(projectOf) });
  carrier = await startCarrier(declared);
  keys = new Map(await Promise.all(kinds.map(keyOf)));

  // Keys that may sign are made here: their secret is kept sealed as well.
  async function keyOf(kind: SdkKind): Promise<[string, string]> {
    const project = projectOf(kind);
    if (!kind.name.endsWith('sigv4')) return [project, declared.keys.get(project)!];
    const { json } = await carrier.api('POST', '/api/v1/keys', {
      project: `acme/${project}`,
      name: 'sdk',
      sigv4: true,
    });
    return [project, json.secret];
  }
});
after(() => emulator?.stop());

const weather: Tool = {
  name: 'weather',
  description: 'How the weather will be.',
  schema: {
    type: 'object',
    properties: { city: { type: 'string', minLength: 3 }, days: { type: 'integer', minimum: 1, maximum: 7 } },
    required: ['city', 'days'],
    additionalProperties: false,
  },
  result: 'calm',
};
const now: Tool = {
  name: 'now',
  description: 'What time it is.',
  schema: { type: 'object', properties: {}, required: [], additionalProperties: false },
  result: 'noon',
};
/** It gives results as objects of its own, which is what another provider is given. */
const wrapsResults: ReadonlySet<string> = new Set(['ai with @ai-sdk/google']);
const wrapped =
  'The tool weather answered: {"name":"weather","content":"calm"} The tool now answered: {"name":"now","content":"noon"}';
const report: ObjectSchema = {
  type: 'object',
  properties: { summary: { type: 'string' }, severity: { enum: ['low', 'high'] }, count: { type: 'integer' } },
  required: ['summary', 'severity', 'count'],
  additionalProperties: false,
};

/** What each SDK raises when a provider has had too much, for a wrong key, and for a model that nobody knows. */
const raises: Readonly<Record<string, readonly [limited: string, wrongKey: string, unknownModel: string]>> = {
  openai: ['RateLimitError', 'AuthenticationError', 'NotFoundError'],
  '@anthropic-ai/sdk': ['RateLimitError', 'AuthenticationError', 'NotFoundError'],
  '@google/genai': ['ApiError', 'ApiError', 'ApiError'],
  'cohere-ai': ['TooManyRequestsError', 'UnauthorizedError', 'NotFoundError'],
  '@aws-sdk/client-bedrock-runtime': [
    'ThrottlingException',
    'BedrockRuntimeServiceException',
    'ResourceNotFoundException',
  ],
  '@mistralai/mistralai': ['SDKError', 'SDKError', 'SDKError'],
  ai: ['APICallError', 'APICallError', 'APICallError'],
  '@langchain/openai': ['RateLimitError', 'AuthenticationError', 'NotFoundError'],
  '@openai/agents': ['RateLimitError', 'AuthenticationError', 'NotFoundError'],
};

/** Gemini says of a wrong key that the request is not valid. */
const wrongKeyStatus = { gemini: 400 } as Readonly<Record<string, number>>;

/** What an SDK cannot do over providers of these dialects, and what it says then. It is no fault of a gateway's: the SDK
 *  refuses what a host of another maker documents. */
const cannot: readonly Limit[] = [
  {
    // A provider of chat completions says `usage: null` until the last chunk, when it is asked for usage.
    kind: '@mistralai/mistralai',
    over: ['openai-chat'],
    what: ['streams', 'streamed calls', 'leaving'],
    says: /expected object, received null/,
  },
  {
    // Mistral's own calls come whole: the SDK wants the name in every piece of one.
    kind: '@mistralai/mistralai',
    over: offers.map(({ dialect }) => dialect).filter(dialect => dialect !== 'openai-chat'),
    what: ['streamed calls'],
    says: /"name"/,
  },
  {
    // Cohere says no arguments where there are none; the SDK wants a text of them.
    kind: 'ai with @ai-sdk/cohere',
    over: ['cohere-chat'],
    what: ['streamed calls'],
    says: /"arguments"/,
  },
  {
    // It asks by a tool where it does not know the model, and takes what Cohere says of its plan for the answer.
    kind: 'ai with @ai-sdk/amazon-bedrock',
    over: ['cohere-chat'],
    what: ['schema'],
    says: /could not parse the response/,
  },
];

interface Limit {
  readonly kind: string;
  readonly over: readonly string[];
  readonly what: readonly ('streams' | 'streamed calls' | 'schema' | 'leaving')[];
  readonly says: RegExp;
}

function limitOf({ name }: SdkKind, { dialect }: Offer, what: Limit['what'][number]): RegExp | undefined {
  return cannot.find(limit => limit.kind === name && limit.over.includes(dialect) && limit.what.includes(what))?.says;
}

/** What every exchange of an SDK loses over a provider of a dialect; nothing where nothing is said. */
const losses: readonly Lost[] = [
  { kind: '@anthropic-ai/sdk', over: 'gemini', of: ['streamed'], codes: ['reasoning-state-last'] },
  { kind: 'ai with @ai-sdk/anthropic', over: 'gemini', of: ['streamed'], codes: ['reasoning-state-last'] },
  // Of models with that in their name it asks which stop sequence it was.
  {
    kind: 'ai with @ai-sdk/amazon-bedrock',
    over: 'anthropic-messages',
    of: ['whole', 'streamed'],
    codes: ['response-fields-unsupported'],
  },
];

interface Lost {
  readonly kind: string;
  readonly over: string;
  readonly of: readonly Form[];
  readonly codes: readonly string[];
}

type Form = 'whole' | 'streamed';

function lossesOf({ name }: SdkKind, { dialect }: Offer, form: Form): readonly string[] {
  return losses.find(({ kind, over, of }) => kind === name && over === dialect && of.includes(form))?.codes ?? [];
}

function errorsOf({ name }: SdkKind) {
  return raises[name] ?? raises[name.split(' ')[0]!]!;
}

function projectOf({ name }: SdkKind): string {
  return name.replace(/[^a-z0-9]+/g, '-').replace(/^-/, '');
}

/** What the emulator says itself that it counted, in the last of its answers whose request has the mark in it. */
const countedAs: Readonly<Record<Offer['dialect'], { readonly input: string; readonly output: readonly string[] }>> = {
  'openai-chat': { input: 'prompt_tokens', output: ['completion_tokens'] },
  'openai-responses': { input: 'input_tokens', output: ['output_tokens'] },
  'anthropic-messages': { input: 'input_tokens', output: ['output_tokens'] },
  gemini: { input: 'promptTokenCount', output: ['candidatesTokenCount', 'thoughtsTokenCount'] },
  'cohere-chat': { input: 'input_tokens', output: ['output_tokens'] },
  'bedrock-converse': { input: 'inputTokens', output: ['outputTokens'] },
};

function counted(offer: Offer, mark: string) {
  const request = emulator.requests().findLast(({ body }) => body.includes(mark));
  assert.ok(request !== undefined, `the emulator was not asked ${mark}`);
  const body = request.answer.body.toString('latin1');
  const last = (name: string) => Number([...body.matchAll(new RegExp(`"${name}":\\s*(\\d+)`, 'g'))].at(-1)?.[1] ?? 0);
  const { input, output } = countedAs[offer.dialect];
  return { input: last(input), output: output.reduce((sum, name) => sum + last(name), 0) };
}

interface Booked {
  readonly id: string;
  readonly status: string;
  readonly outcome: string;
  readonly stream: boolean;
  readonly dialect: string;
  readonly attempts: readonly { readonly deployment: string; readonly targetModel: string }[];
  readonly losses: readonly { readonly code: string; readonly path: string }[];
  readonly reading: Readonly<Record<string, number | string>>;
  readonly sell: { readonly amount: string } | null;
}

/** The newest `count` exchanges of an SDK for a model, oldest first, once they are in the ledger. */
async function bookedOf(kind: SdkKind, model: string, from: string, count: number): Promise<Booked[]> {
  const query = new URLSearchParams({ project: `acme/${projectOf(kind)}`, requestedModel: model, from });
  const items = await until(`${count} exchanges of ${kind.name} for ${model} are in the ledger`, async () => {
    const { json } = await carrier.api('GET', `/api/v1/exchanges?${query}`);
    return json.items?.length >= count ? (json.items as { id: string }[]) : undefined;
  });
  assert.equal(items.length, count);
  const shown = await Promise.all(items.map(({ id }) => carrier.api('GET', `/api/v1/exchanges/${id}`)));
  return shown.map(({ json }) => json as Booked).reverse();
}

function tokensOf({ reading }: Booked) {
  const slices = ['inputUncached', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h'];
  const input = slices.reduce((sum, slice) => sum + Number(reading[slice] ?? 0), 0);
  return { input, output: Number(reading['output']) + Number(reading['reasoning'] ?? 0) };
}

async function failure(client: SdkClient, question: Question) {
  let told: Told;
  try {
    told = await client.ask(question);
  } catch (error) {
    return client.describe(error);
  }
  return assert.fail(`the call went well: ${told.text}`);
}

suite('SDKs', { skip, concurrency: besideEachOther }, () => {
  for (const kind of kinds) {
    suite(kind.name, { concurrency: 1 }, () => {
      let client: SdkClient;
      before(async () => {
        client = await kind.connect({ url: carrier.url, apiKey: keys.get(projectOf(kind))! });
      });

      for (const offer of offers) {
        test(`over ${offer.dialect}: an answer, whole and streamed, told and paid as the provider counted`, async () => {
          const from = new Date().toISOString();
          const limit = limitOf(kind, offer, 'streams');
          for (const stream of [false, true]) {
            const mark = `${kind.name} over ${offer.dialect}, ${stream ? 'streamed' : 'whole'}`;
            const heard: string[] = [];
            const prompt = `Say exactly: one two three\n(${mark})`;
            const asked = client.ask({
              model: modelOf(offer),
              system: 'Be brief.',
              prompt,
              stream,
              onText: text => heard.push(text),
            });
            if (stream && limit !== undefined) {
              await assert.rejects(asked, limit);
              continue;
            }

            const told = await asked;
            assert.equal(told.text, 'one two three');
            assert.equal(heard.join(''), stream ? 'one two three' : '');
            // Not every SDK asks for the usage of a stream.
            if (told.usage !== undefined || !stream) assert.deepEqual(told.usage, counted(offer, mark));
          }

          const booked = await bookedOf(kind, modelOf(offer), from, 2);
          for (const [index, exchange] of booked.entries()) {
            const form = index === 1 ? 'streamed' : 'whole';
            const mark = `${kind.name} over ${offer.dialect}, ${form}`;
            assert.deepEqual([exchange.dialect, exchange.attempts.length], [kind.dialect, 1]);
            assert.equal(exchange.attempts[0]!.deployment, offer.vendor);
            assert.deepEqual([...new Set(exchange.losses.map(({ code }) => code))].sort(), lossesOf(kind, offer, form));
            if (index === 1 && limit !== undefined) continue;
            assert.deepEqual([exchange.status, exchange.reading['source']], ['settled', 'provider']);
            assert.deepEqual(tokensOf(exchange), counted(offer, mark));
          }
        });

        for (const stream of [false, true]) {
          test(`over ${offer.dialect}: calls in parallel, and the answer to their results${stream ? ', streamed' : ''}`, async () => {
            const prompt = 'Call the tool weather with {"city":"Oslo","days":2} and call the tool now';
            const asked = client.ask({ model: modelOf(offer), prompt, stream, tools: [weather, now] });
            const limit = stream ? limitOf(kind, offer, 'streamed calls') : undefined;
            if (limit !== undefined) return assert.rejects(asked, limit);

            const told = await asked;

            assert.deepEqual(told.calls, [
              { name: 'weather', input: { city: 'Oslo', days: 2 } },
              { name: 'now', input: {} },
            ]);
            const expected = wrapsResults.has(kind.name)
              ? wrapped
              : 'The tool weather answered: calm The tool now answered: noon';
            assert.equal(told.text, expected);
          });
        }

        test(`over ${offer.dialect}: an answer by schema`, async () => {
          const asked = client.ask({ model: modelOf(offer), prompt: 'Report.', schema: report });
          const limit = limitOf(kind, offer, 'schema');
          if (limit !== undefined) return assert.rejects(asked, limit);

          const told = await asked;

          const answer = JSON.parse(told.text);
          assert.deepEqual(Object.keys(answer).sort(), ['count', 'severity', 'summary']);
          assert.ok(['low', 'high'].includes(answer.severity));
        });

        test(`over ${offer.dialect}: an image`, async () => {
          const mark = `${kind.name} over ${offer.dialect}, an image`;
          const told = await client.ask({
            model: modelOf(offer),
            prompt: `Say exactly: seen\n(${mark})`,
            image: pixel,
          });

          assert.equal(told.text, 'seen');
          const seen = emulator.requests().findLast(({ body }) => body.includes(mark))!;
          assert.ok(seen.body.includes(pixel));
        });

        test(`over ${offer.dialect}: the SDK's own error when the provider has had too much`, async () => {
          const { type, status } = await failure(client, { model: modelOf(offer, '-limited'), prompt: 'Hello' });

          assert.deepEqual([type, status], [errorsOf(kind)[0], 429]);
        });

        const leaving = 'leaving in the middle of a stream cancels it, and what came is paid by estimate';
        test(`over ${offer.dialect}: ${leaving}`, async t => {
          if (limitOf(kind, offer, 'leaving') !== undefined) return t.skip('its streams do not come so far');
          const from = new Date().toISOString();
          const mark = `${kind.name} over ${offer.dialect}, left`;
          const leave = new AbortController();
          const heard: string[] = [];
          const onText = (text: string) => {
            heard.push(text);
            if (heard.length === 5) leave.abort();
          };
          const model = modelOf(offer, '-slow');

          await assert.rejects(client.ask({ model, prompt: mark, stream: true, signal: leave.signal, onText }));

          const [exchange] = await bookedOf(kind, model, from, 1);
          assert.deepEqual([exchange!.outcome, exchange!.status], ['client_aborted', 'estimated']);
          const output = Number(exchange!.reading['output']);
          assert.ok(output >= 3 && output < 100, `${output} tokens`);
          const left = await until('the provider knows', () => {
            const request = emulator.requests().findLast(({ body }) => body.includes(mark));
            return request?.answer.outcome === 'open' ? undefined : request;
          });
          assert.equal(left.answer.outcome, 'client-aborted');
        });
      }

      test('its own errors for a wrong key and for a model that nobody knows', async () => {
        const stranger = await kind.connect({ url: carrier.url, apiKey: 'wrong' });
        const model = modelOf(offers[0]!);
        const wrongKey = await failure(stranger, { model, prompt: 'Hello' });
        const unknownModel = await failure(client, { model: 'acme/unheard-of', prompt: 'Hello' });

        assert.deepEqual([wrongKey.type, wrongKey.status], [errorsOf(kind)[1], wrongKeyStatus[kind.dialect] ?? 401]);
        assert.deepEqual([unknownModel.type, unknownModel.status], [errorsOf(kind)[2], 404]);
        assert.match(unknownModel.message, /acme\/unheard-of/);
      });

      test('its list of models', async t => {
        if (client.models === undefined) return t.skip('it has none');
        const listed = await client.models();
        for (const offer of offers) assert.ok(listed.includes(modelOf(offer)), listed.join());
      });
    });
  }
});
