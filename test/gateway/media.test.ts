import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { type MediaServer, pdf, pixel, startMediaServer } from '../support/media-server.ts';

const png = { type: 'base64' as const, media_type: 'image/png' as const, data: pixel };
const restrictedSecret = `cck_test0002_${'b'.repeat(43)}`;
const plainSecret = `cck_test0003_${'c'.repeat(43)}`;

suite('media across dialects', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  let files: MediaServer;
  let openai: OpenAI;
  let anthropic: Anthropic;
  const permits = { held: 0 };

  before(async () => {
    files = await startMediaServer();
    emulator = await startEmulator({ record: true, recordedBytesMax: 100_000_000 });
    gateway = await startGateway({
      ports: {
        permits: {
          acquire: () => {
            permits.held += 1;
            return true;
          },
          release: () => {
            permits.held -= 1;
          },
        },
      },
      settings: { mediaFetch: { allowAddresses: ['127.0.0.1/32'] } },
      snapshot: {
        projects: [{ id: 'web', mediaFetch: true }],
        keys: [
          { id: 'test0001', digest: digestOf(secret) },
          { id: 'test0002', digest: digestOf(restrictedSecret), zones: ['US'] },
          { id: 'test0003', digest: digestOf(plainSecret), mediaFetch: false },
        ],
        providers: [
          { name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` },
          { name: 'anthropic', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: emulator.url },
          { name: 'local', kind: 'anthropic-compatible', dialects: ['anthropic-messages'], baseUrl: emulator.url },
        ],
        deployments: [
          { id: 'gpt', provider: 'openai', model: 'openai/gpt' },
          { id: 'claude', provider: 'anthropic', model: 'anthropic/claude' },
          { id: 'own', provider: 'local', model: 'local/claude' },
        ],
        routes: [
          {
            name: 'either',
            candidates: [
              { deployment: 'gpt', priority: 1 },
              { deployment: 'claude', priority: 2 },
            ],
          },
        ],
      },
    });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secret, maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: gateway.url, apiKey: secret, maxRetries: 0 });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
    files.stop();
  });
  beforeEach(() => {
    emulator.clearRequests();
    files.asked.length = 0;
  });

  /** What the provider was sent last. JSON.parse gives what it gives, for literal comparisons. */
  const sent = () => JSON.parse(emulator.requests().at(-1)!.body.toString());

  const chat = (model: string, content: OpenAI.ChatCompletionContentPart[]) =>
    openai.chat.completions.create({ model, messages: [{ role: 'user', content }] });
  /** The text of a streamed answer. */
  const streamed = async (model: string, content: OpenAI.ChatCompletionContentPart[]): Promise<string> => {
    const messages = [{ role: 'user' as const, content }];
    let text = '';
    for await (const chunk of await openai.chat.completions.create({ model, messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    return text;
  };
  const message = (model: string, content: Anthropic.ContentBlockParam[], client = anthropic) =>
    client.messages.create({ model, max_tokens: 50, messages: [{ role: 'user', content }] });
  const said = (text: string) => ({ type: 'text' as const, text });

  test('openai: images inline and by address, a PDF and a text file reach a messages provider', async () => {
    const answer = await chat('anthropic/claude', [
      { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}`, detail: 'auto' } },
      { type: 'image_url', image_url: { url: 'https://pictures.example/a.png' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` } },
      { type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;base64,aGVsbG8=' } },
      said('say exactly: seen'),
    ]);

    assert.equal(answer.choices[0]?.message.content, 'seen');
    assert.deepEqual(sent().messages, [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
          { type: 'image', source: { type: 'url', url: 'https://pictures.example/a.png' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf }, title: 'a.pdf' },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'hello' }, title: 'a.txt' },
          { type: 'text', text: 'say exactly: seen' },
        ],
      },
    ]);
  });

  test('openai: an image is seen in a stream, too', async () => {
    const image = { type: 'image_url' as const, image_url: { url: `data:image/png;base64,${pixel}` } };

    assert.equal(await streamed('anthropic/claude', [image, said('say exactly: seen')]), 'seen');
    assert.equal(sent().messages[0].content[0].type, 'image');
  });

  test('an image of 20 MB reaches the other dialect as it is', async () => {
    const large = Buffer.concat([Buffer.from(pixel, 'base64')], 20_000_000).toString('base64');
    const image = { type: 'image_url' as const, image_url: { url: `data:image/png;base64,${large}` } };

    await chat('anthropic/claude', [image, said('say exactly: seen')]);

    assert.equal(sent().messages[0].content[0].source.data, large);
  });

  test('anthropic: images and documents reach a chat provider, streamed', async () => {
    const folded = await anthropic.messages
      .stream({
        model: 'openai/gpt',
        max_tokens: 50,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image', source: png },
              { type: 'image', source: { type: 'url', url: 'https://pictures.example/a.png' } },
              {
                type: 'document',
                source: { type: 'base64', media_type: 'application/pdf', data: pdf },
                title: 'Report',
              },
              { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'hello' }, title: 'Note' },
              said('say exactly: seen'),
            ],
          },
        ],
      })
      .finalMessage();

    assert.equal(folded.content[0]?.type === 'text' ? folded.content[0].text : '', 'seen');
    assert.deepEqual(sent().messages, [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
          { type: 'image_url', image_url: { url: 'https://pictures.example/a.png' } },
          { type: 'file', file: { filename: 'Report.pdf', file_data: `data:application/pdf;base64,${pdf}` } },
          { type: 'text', text: 'Title: Note' },
          { type: 'text', text: 'hello' },
          { type: 'text', text: 'say exactly: seen' },
        ],
      },
    ]);
  });

  test('anthropic: images in the results of two calls reach a chat provider behind both results', async () => {
    const tools = [{ name: 'look', input_schema: { type: 'object' as const } }];
    const asked = { role: 'user' as const, content: 'call the tool look and call the tool look' };
    const first = await anthropic.messages.create({ model: 'openai/gpt', max_tokens: 99, tools, messages: [asked] });
    const calls = first.content.filter(block => block.type === 'tool_use');

    const { data: second, response } = await anthropic.messages
      .create({
        model: 'openai/gpt',
        max_tokens: 99,
        tools,
        messages: [
          asked,
          { role: 'assistant', content: first.content as Anthropic.ContentBlockParam[] },
          {
            role: 'user',
            content: calls.map(call => ({
              type: 'tool_result' as const,
              tool_use_id: call.id,
              content: [said('a picture'), { type: 'image' as const, source: png }],
            })),
          },
        ],
      })
      .withResponse();

    assert.equal(calls.length, 2);
    assert.equal(second.type, 'message');
    assert.equal(
      response.headers.get('x-carrier-loss'),
      'tool-result-media-moved;messages.2.content.0.content.1, tool-result-media-moved;messages.2.content.1.content.1',
    );
    const [one, two] = calls.map(call => call.id);
    assert.deepEqual(sent().messages.slice(2), [
      { role: 'tool', tool_call_id: one, content: 'a picture' },
      { role: 'tool', tool_call_id: two, content: 'a picture' },
      {
        role: 'user',
        content: [
          { type: 'text', text: `Returned by tool call ${one}:` },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
          { type: 'text', text: `Returned by tool call ${two}:` },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
        ],
      },
    ]);
  });

  test('a PDF by address is fetched for a provider that takes bytes, once for all its places', async () => {
    const document = { type: 'document' as const, source: { type: 'url' as const, url: `${files.url}/a.pdf?sign=1` } };

    const answer = await message('openai/gpt', [document, document, said('say exactly: seen')]);

    assert.equal(answer.content[0]?.type === 'text' ? answer.content[0].text : '', 'seen');
    assert.deepEqual(files.asked, ['/a.pdf?sign=1']);
    assert.equal(gateway.gateway.fetchedMedia.heldBytes, 0);
    const file = { filename: 'document.pdf', file_data: `data:application/pdf;base64,${pdf}` };
    assert.deepEqual(sent().messages[0].content.slice(0, 2), [
      { type: 'file', file },
      { type: 'file', file },
    ]);
  });

  test('an image by address is fetched through a redirect, and streamed answers are none the wiser', async () => {
    const image = { type: 'image_url' as const, image_url: { url: `${files.url}/moved` } };

    assert.equal(await streamed('local/claude', [image, said('say exactly: seen')]), 'seen');
    assert.deepEqual(files.asked, ['/moved', '/a.png']);
    assert.deepEqual(sent().messages[0].content[0], {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: pixel },
    });
  });

  test('nothing is fetched for a provider that takes addresses, nor within a dialect', async () => {
    await chat('anthropic/claude', [{ type: 'image_url', image_url: { url: `${files.url}/a.png` } }, said('hello')]);
    await chat('openai/gpt', [{ type: 'image_url', image_url: { url: `${files.url}/a.png` } }, said('hello')]);
    await message('local/claude', [{ type: 'image', source: { type: 'url', url: `${files.url}/a.png` } }, said('hi')]);

    assert.deepEqual(files.asked, []);
  });

  const refusals: readonly (readonly [
    what: string,
    key: string,
    content: Anthropic.ContentBlockParam[],
    says: RegExp,
  ])[] = [
    ['a key that may not', plainSecret, [by('/a.pdf')], /messages\.0\.content\.0 is given by URL.*mediaFetch/],
    ['a key of other zones', restrictedSecret, [by('/a.pdf')], /zones of the key exclude it/],
    ['a redirect to a private address', secret, [by('/private')], /its host is not at a public address/],
    ['a private address', secret, [by('', 'http://10.0.0.1/a.pdf')], /its host is not at a public address/],
    ['metadata of the cloud', secret, [by('', 'http://169.254.169.254/')], /its host is not at a public address/],
    ['a file that is not there', secret, [by('/none')], /answered with status 404/],
    ['an image in a document', secret, [by('/a.png')], /is an image, not a document/],
    [
      'nine files',
      secret,
      Array.from({ length: 9 }, (_, index) => by(`/a.pdf?${index}`)),
      /messages\.0\.content\.8 is one too many: 8 media a request are fetched/,
    ],
  ];
  for (const [what, key, content, says] of refusals) {
    test(`${what}: refused as the client's fault, and nothing is booked`, async () => {
      const client = new Anthropic({ baseURL: gateway.url, apiKey: key, maxRetries: 0 });
      const before = gateway.ended.length;

      await assert.rejects(
        message('openai/gpt', content.map(withServer), client),
        (error: unknown) =>
          error instanceof Anthropic.BadRequestError &&
          says.test(error.message) &&
          error.headers.get('x-carrier-fault') === 'media_fetch_refused',
      );

      await gateway.untilEnded(before + 1);
      const { end } = gateway.ended.at(-1)!;
      assert.deepEqual([end.outcome, end.state, end.attempts], ['media_fetch_refused', 'void', []]);
      assert.deepEqual(emulator.requests(), []);
      assert.equal(permits.held, 0);
      assert.deepEqual([gateway.gateway.fetchedMedia.running, gateway.gateway.fetchedMedia.heldBytes], [0, 0]);
    });
  }

  /** Names the server that the tests know only when they run. */
  const withServer = (block: Anthropic.ContentBlockParam): Anthropic.ContentBlockParam =>
    block.type === 'document' && block.source.type === 'url' && block.source.url.startsWith('/')
      ? { ...block, source: { type: 'url', url: files.url + block.source.url } }
      : block;

  test('what one provider cannot be given may go to the next, and no fetch holds a permit', async () => {
    const client = new Anthropic({ baseURL: gateway.url, apiKey: plainSecret, maxRetries: 0 });

    const answer = await message('either', [withServer(by('/a.pdf')), said('say exactly: seen')], client);

    assert.equal(answer.content[0]?.type === 'text' ? answer.content[0].text : '', 'seen');
    assert.equal(emulator.requests().at(-1)!.path, '/v1/messages');
  });

  test('a client that leaves during a fetch ends it, and pays nothing', async () => {
    const before = gateway.ended.length;
    const abort = new AbortController();
    const asked = anthropic.messages.create(
      {
        model: 'openai/gpt',
        max_tokens: 9,
        messages: [{ role: 'user', content: [withServer(by('/silent'))] }],
      },
      { signal: abort.signal },
    );
    await files.untilAsked('/silent');
    abort.abort();

    await assert.rejects(asked, Anthropic.APIUserAbortError);
    await gateway.untilEnded(before + 1);
    assert.equal(gateway.ended.at(-1)!.end.outcome, 'client_aborted');
    assert.equal(gateway.ended.at(-1)!.end.state, 'void');
    assert.deepEqual(gateway.ended.at(-1)!.end.attempts, []);
  });

  test('the deadline of the client bounds a fetch', async () => {
    const deadline = { headers: { 'x-carrier-deadline-ms': '150' } };
    const body = {
      model: 'openai/gpt',
      max_tokens: 9,
      messages: [{ role: 'user' as const, content: [withServer(by('/silent'))] }],
    };

    await assert.rejects(
      anthropic.messages.create(body, deadline),
      (error: unknown) =>
        error instanceof Anthropic.APIError && error.headers?.get('x-carrier-fault') === 'deadline_exceeded',
    );
  });

  test('files together over the size of a body are refused', async () => {
    const small = await startGateway({
      limits: { bodyBytesMax: 1_024 },
      settings: { mediaFetch: { allowAddresses: ['127.0.0.1/32'] } },
      snapshot: {
        projects: [{ id: 'web', mediaFetch: true }],
        providers: [{ name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` }],
        deployments: [{ id: 'gpt', provider: 'openai', model: 'openai/gpt' }],
      },
    });
    const client = new Anthropic({ baseURL: small.url, apiKey: secret, maxRetries: 0 });
    const many = Array.from({ length: 8 }, (_, index) => withServer(by(`/a.pdf?${'x'.repeat(20)}${index}`)));

    try {
      await assert.rejects(
        message('openai/gpt', many, client),
        /the media of the request are together over the size of a body/,
      );
    } finally {
      await small.stop();
    }
  });

  test('a zone of the operator lets keys of that zone fetch', async () => {
    const european = await startGateway({
      settings: { zone: 'DE/eu-central-1', mediaFetch: { allowAddresses: ['127.0.0.1/32'] } },
      snapshot: {
        keys: [{ id: 'test0001', digest: digestOf(secret), zones: ['EU'], mediaFetch: true }],
        providers: [{ name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` }],
        deployments: [{ id: 'gpt', provider: 'openai', model: 'openai/gpt', zones: { processing: 'DE' } }],
      },
    });
    const client = new Anthropic({ baseURL: european.url, apiKey: secret, maxRetries: 0 });
    const body = {
      model: 'openai/gpt',
      max_tokens: 9,
      messages: [{ role: 'user' as const, content: [withServer(by('/zone.pdf'))] }],
    };
    const inZone = () => files.asked.filter(path => path === '/zone.pdf').length;

    try {
      await client.messages.create(body);
      assert.equal(inZone(), 1);
      // The client may tighten the zones, and the gateway itself is then outside them.
      await assert.rejects(
        client.messages.create(body, { headers: { 'x-carrier-zones': 'DE/other' } }),
        Anthropic.PermissionDeniedError,
      );
      assert.equal(inZone(), 1);
    } finally {
      await european.stop();
    }
  });
});

/** A document by address: at the server of the tests, or at a place of its own. */
function by(path: string, url = path): Anthropic.DocumentBlockParam {
  return { type: 'document', source: { type: 'url', url } };
}
