import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { type MediaServer, pdf, pixel, startMediaServer } from '../support/media-server.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const secrets = {
  open: 'open-secret-open-secret-open-secret-open',
  closed: 'closed-secret-closed-secret-closed-secret',
  european: 'european-secret-european-secret-european',
  american: 'american-secret-american-secret-american',
  poor: 'poor-secret-poor-secret-poor-secret-poor',
};

let emulator: Emulator;
let files: MediaServer;
let carrier: Carrier;

before(async () => {
  files = await startMediaServer();
  emulator = await startEmulator({ record: true });
  const rates = '{ input: "1", cacheRead: "1", cacheWrite5m: "1", cacheWrite1h: "1", output: "1" }';
  carrier = await startCarrier({
    yaml: [
      'process: { zone: DE, mediaFetch: { allowAddresses: [ 127.0.0.1/32 ] } }',
      'providers:',
      `  chat: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PLANT_KEY }`,
      `  own: { kind: anthropic-compatible, dialect: anthropic-messages, baseUrl: "${emulator.url}", credential: env:PLANT_KEY }`,
      'deployments:',
      '  chat-1: { provider: chat, model: acme/chat, zones: { processing: DE }, documentPagesMax: 10, documentTokensPerPage: 1000 }',
      '  chat-2: { provider: chat, model: acme/far, zones: { processing: US } }',
      '  own-1: { provider: own, model: acme/own, zones: { processing: DE } }',
      'prices:',
      `  sell: { currency: USD, rates: { acme/*: ${rates} } }`,
      `  buy: { currency: USD, rates: { acme/*: ${rates} } }`,
      'organisations:',
      '  acme:',
      '    projects:',
      '      web:',
      '        mediaFetch: true',
      '        keys:',
      '          open: { secret: env:OPEN }',
      '          closed: { secret: env:CLOSED, mediaFetch: false }',
      '          european: { secret: env:EUROPEAN, zones: [ EU ] }',
      '          american: { secret: env:AMERICAN, zones: [ US ] }',
      // Room for a request of text and for one document of two pages, not for one of ten.
      '          poor: { secret: env:POOR, budget: { limit: "0.005", period: total } }',
      '',
    ].join('\n'),
    env: {
      PLANT_KEY: 'provider-secret',
      OPEN: secrets.open,
      CLOSED: secrets.closed,
      EUROPEAN: secrets.european,
      AMERICAN: secrets.american,
      POOR: secrets.poor,
    },
  });
});
after(async () => {
  await emulator.stop();
  files.stop();
});
beforeEach(() => {
  emulator.clearRequests();
  files.asked.length = 0;
});

interface Answer {
  readonly status: number;
  readonly fault: string | null;
  readonly id: string;
  readonly text: string;
}

async function post(path: string, secret: string, body: unknown): Promise<Answer> {
  const response = await fetch(carrier.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const id = response.headers.get('x-carrier-exchange-id')!;
  return { status: response.status, fault: response.headers.get('x-carrier-fault'), id, text };
}

function ask(secret: string, source: unknown, model = 'acme/chat', stream = false): Promise<Answer> {
  const content = [
    { type: 'document', source },
    { type: 'text', text: 'say exactly: seen' },
  ];
  return post('/v1/messages', secret, { model, max_tokens: 20, stream, messages: [{ role: 'user', content }] });
}

const byUrl = (path = '/a.pdf') => ({ type: 'url', url: files.url + path });
const inline = { type: 'base64', media_type: 'application/pdf', data: pdf };

function shown(id: string) {
  return until('the exchange is in the ledger', async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    return status === 200 ? json : undefined;
  });
}

for (const stream of [false, true]) {
  test(`a PDF by address reaches a chat provider, ${stream ? 'streamed' : 'whole'}, and is booked`, async () => {
    const answer = await ask(secrets.open, byUrl(), 'acme/chat', stream);

    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, /seen/);
    assert.deepEqual(files.asked, ['/a.pdf']);
    const sent = JSON.parse(emulator.requests()[0]!.body.toString());
    assert.equal(sent.messages[0].content[0].file.file_data, `data:application/pdf;base64,${pdf}`);
    assert.equal((await shown(answer.id)).status, 'settled');
  });

  test(`an image by address reaches a messages provider that takes bytes, ${stream ? 'streamed' : 'whole'}`, async () => {
    const answer = await post('/v1/chat/completions', secrets.open, {
      model: 'acme/own',
      max_tokens: 20,
      stream,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: `${files.url}/moved` } },
            { type: 'text', text: 'say exactly: seen' },
          ],
        },
      ],
    });

    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, /seen/);
    const sent = JSON.parse(emulator.requests()[0]!.body.toString());
    assert.deepEqual(sent.messages[0].content[0].source, { type: 'base64', media_type: 'image/png', data: pixel });
  });
}

test('a key that may not have media fetched is refused, and nothing is charged', async () => {
  const answer = await ask(secrets.closed, byUrl());

  assert.deepEqual([answer.status, answer.fault], [400, 'media_fetch_refused']);
  assert.deepEqual(files.asked, []);
  assert.deepEqual(emulator.requests(), []);
  const exchange = await shown(answer.id);
  assert.deepEqual([exchange.status, exchange.attempts], ['void', []]);
});

test('a fetch that fails is the fault of the client, and nothing is charged', async () => {
  const answer = await ask(secrets.open, byUrl('/private'));

  assert.deepEqual([answer.status, answer.fault], [400, 'media_fetch_refused']);
  assert.match(answer.text, /its host is not at a public address/);
  assert.equal((await shown(answer.id)).status, 'void');
});

test('a key of zones that hold the gateway has media fetched, a key of others has not', async () => {
  const inside = await ask(secrets.european, byUrl());
  const outside = await ask(secrets.american, byUrl(), 'acme/far');

  assert.equal(inside.status, 200, inside.text);
  assert.deepEqual([outside.status, outside.fault], [400, 'media_fetch_refused']);
  assert.match(outside.text, /zones of the key exclude it/);
  assert.deepEqual(files.asked, ['/a.pdf']);
});

test('a budget holds a document by its pages: those its bytes can have, or all where its size is not known', async () => {
  const unsized = await ask(secrets.poor, byUrl());
  const small = await ask(secrets.poor, inline);

  assert.equal(unsized.fault, 'budget_exhausted');
  assert.equal(small.status, 200, small.text);
  // At 1 USD a million: a page of 1,000 tokens, the 224 bytes of the rest with 256 tokens unseen, 20 tokens of output.
  const { hold } = await shown(small.id);
  assert.equal(hold.amount, '0.0015');
});

test('the settings come out of the export as they went in, and keys made by the API have them', async () => {
  const exported = await carrier.command('export');
  const created = await carrier.api('POST', '/api/v1/keys', { project: 'acme/web', name: 'made', mediaFetch: false });

  assert.equal(exported.code, 0);
  assert.match(exported.stdout, /mediaFetch: true/);
  assert.match(exported.stdout, /mediaFetch: false/);
  assert.match(exported.stdout, /documentPagesMax: 10/);
  assert.equal(created.json.mediaFetch, false);
  const answer = await until('the key is known to the worker', async () => {
    const tried = await ask(created.json.secret, byUrl());
    return tried.status === 401 ? undefined : tried;
  });
  assert.equal(answer.fault, 'media_fetch_refused');
});
