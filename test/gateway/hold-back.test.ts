import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** A provider of both dialects whose streams the test writes, event by event. */
interface Hand {
  readonly url: string;
  /** The response of the next request. */
  next(): Promise<ServerResponse>;
  close(): void;
}

async function startHand(): Promise<Hand> {
  const waiting: ((response: ServerResponse) => void)[] = [];
  const arrived: ServerResponse[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const take = waiting.shift();
      if (take === undefined) arrived.push(response);
      else take(response);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    // The cast is true: it listens on TCP.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: () => {
      const response = arrived.shift();
      return response === undefined ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve(response);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const role =
  'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}\n\n';
const say = (text: string) =>
  `data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":null}]}\n\n`;
const rest =
  'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\ndata: [DONE]\n\n';

const begin = (id: string) =>
  `event: message_start\ndata: {"type":"message_start","message":{"id":"${id}","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":7,"output_tokens":1}}}\n\n`;
const open = (type: string) =>
  `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"${type}","${type}":""}}\n\n`;
const write = (text: string) =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}}\n\n`;
const finish =
  'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n';

suite('before content is shown', () => {
  let first: Hand;
  let second: Hand;
  let gateway: TestGateway;

  before(async () => {
    first = await startHand();
    second = await startHand();
    const account = (name: string, hand: Hand, dialect: 'openai-chat' | 'anthropic-messages') => ({
      name,
      kind: 'emulated',
      dialects: [dialect],
      baseUrl: hand.url,
    });
    const route = (name: string, dialect: string, policy: object = {}) => ({
      name,
      candidates: ['first', 'second'].map((place, index) => ({ deployment: `${place}-${dialect}`, priority: index })),
      policy,
    });
    const accounts = (['openai-chat', 'anthropic-messages'] as const).flatMap(dialect => [
      account(`first-${dialect}`, first, dialect),
      account(`second-${dialect}`, second, dialect),
    ]);
    gateway = await startGateway({
      ports: { health: { of: () => undefined, inFlight: () => 0, begin: () => true, end: () => {} } },
      snapshot: {
        providers: accounts,
        deployments: accounts.map(({ name }) => ({ id: name, provider: name, model: `lab/${name}` })),
        routes: [
          route('plain', 'openai-chat'),
          route('messages', 'anthropic-messages'),
          // Four tokens are sixteen bytes; no test waits for the time of the second.
          route('held', 'openai-chat', { holdBack: { tokens: 4, ms: 250 } }),
          route('held-across', 'anthropic-messages', { holdBack: { tokens: 4, ms: 250 } }),
          route('briefly', 'openai-chat', { holdBack: { tokens: 32, ms: 20 } }),
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    first.close();
    second.close();
  });

  function ask(model: string, path = '/v1/chat/completions'): Promise<Response> {
    return fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true, max_tokens: 50, messages: [{ role: 'user', content: 'hello' }] }),
    });
  }

  test('without a hold-back the first content is sent at once, and what breaks then is seen', async () => {
    const asked = ask('plain');
    const provider = await first.next();
    provider.write(role + say('one'));
    const response = await asked;
    provider.end();

    assert.equal(await response.text().then(text => text.split('"error"').length), 2);
    assert.equal(response.headers.get('x-carrier-deployment'), 'first-openai-chat');
  });

  test('content within the hold-back that breaks is replaced unseen, and paid for by the operator', async () => {
    const asked = ask('held');
    const provider = await first.next();
    provider.write(role + say('fifteen letters'));
    provider.end();
    const relief = await second.next();
    relief.end(role + say('another answer') + rest);
    const response = await asked;

    assert.equal(await response.text(), role + say('another answer') + rest);
    assert.equal(response.headers.get('x-carrier-deployment'), 'second-openai-chat');
    const end = gateway.ends().at(-1)!;
    assert.deepEqual(
      end.attempts.map(({ outcome, reading }) => [outcome, reading.slices.output]),
      [
        ['upstream_truncated', 4],
        ['ok', 2],
      ],
    );
    // 5 × 1.25 + 2 × 10.00 USD per million.
    assert.equal(end.sell?.amountAtto, '26250000000000');
  });

  test('the tokens of the hold-back end it', async () => {
    const asked = ask('held');
    const provider = await first.next();
    provider.write(role + say('sixteen letters!'));
    const response = await asked;
    provider.end(rest);

    assert.equal(await response.text(), role + say('sixteen letters!') + rest);
  });

  test('the time of the hold-back ends it, counted from the first content', async () => {
    const asked = ask('briefly');
    const provider = await first.next();
    provider.write(role);
    provider.write(say('a'));
    const response = await asked;
    provider.end(rest);

    assert.equal(await response.text(), role + say('a') + rest);
  });

  test('an answer that is whole within the hold-back is sent whole', async () => {
    const asked = ask('held');
    (await first.next()).end(role + say('short') + rest);
    const response = await asked;

    assert.equal(await response.text(), role + say('short') + rest);
    assert.notEqual(response.headers.get('x-carrier-cost'), null);
  });

  test('across dialects content is held back just so', async () => {
    const asked = ask('held-across');
    const provider = await first.next();
    provider.write(begin('x') + open('text') + write('fifteen letters'));
    provider.end();
    (await second.next()).end(begin('y') + open('text') + write('another') + finish);
    const text = await (await asked).text();

    assert.doesNotMatch(text, /fifteen/);
    assert.match(text, /"content":"another"/);
    assert.equal(text.split('[DONE]').length, 2);
  });

  test('a status and a beginning that were sent already are gone on with by another provider, unseen', async () => {
    const asked = ask('messages', '/v1/messages');
    const provider = await first.next();
    provider.write(`${begin('x')}${open('text')}event: ping\ndata: {"type":"ping"}\n\n`);
    // The status is sent after a quarter of a second of quiet.
    const response = await asked;
    provider.end();
    (await second.next()).end(begin('y') + open('text') + write('hello') + finish);
    const text = await response.text();

    assert.equal(
      text,
      `${begin('x')}${open('text')}event: ping\ndata: {"type":"ping"}\n\n${write('hello')}` +
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n' +
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":7,"output_tokens":2}}\n\n' +
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    );
    const end = gateway.ends().at(-1)!;
    assert.equal(end.outcome, 'ok');
    // 7 × 1.25 + 2 × 10.00 USD per million.
    assert.equal(end.sell?.amountAtto, '28750000000000');
  });

  test('an empty block of another kind is closed, and the next answer has blocks of its own', async () => {
    const asked = ask('messages', '/v1/messages');
    const provider = await first.next();
    provider.write(begin('x') + open('thinking'));
    const response = await asked;
    provider.end();
    (await second.next()).end(begin('y') + open('text') + write('hello') + finish);
    const text = await response.text();

    assert.deepEqual(
      [...text.matchAll(/"type":"(content_block_\w+)","index":(\d)/g)].map(([, type, index]) => `${type} ${index}`),
      [
        'content_block_start 0',
        'content_block_stop 0',
        'content_block_start 1',
        'content_block_delta 1',
        'content_block_stop 1',
      ],
    );
  });

  test('a status that was sent and nobody who answers end with one error, and nothing is charged', async () => {
    const asked = ask('messages', '/v1/messages');
    const provider = await first.next();
    provider.write(begin('x'));
    const response = await asked;
    provider.end();
    (await second.next()).destroy();
    (await first.next()).destroy();
    const text = await response.text();

    assert.equal(response.status, 200);
    assert.equal(text.split('event: error').length, 2);
    assert.equal(text.split('message_start"').length, 2);
    const end = gateway.ends().at(-1)!;
    assert.deepEqual([end.outcome, end.state, end.sell], ['no_healthy_deployment', 'void', undefined]);
  });
});
