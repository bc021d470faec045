import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { assertAtRest, memoryOf } from './support/at-rest.ts';
import { acmeKey } from './support/declare-supply.ts';
import {
  chunkOf,
  type HostileProvider,
  type Misbehaviour,
  startHostileProvider,
  writeForever,
} from './support/hostile-provider.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

type Dialect = 'openai-chat' | 'anthropic-messages';

interface Row {
  readonly does: Misbehaviour;
  readonly stream?: boolean;
  /** What the client of the provider's own dialect is told, and the client of the other one. */
  readonly own: string;
  readonly across: string;
}

const head = (status: string, ...headers: readonly string[]) => `HTTP/1.1 ${[status, ...headers].join('\r\n')}\r\n\r\n`;
const json = 'content-type: application/json';
const sse = 'content-type: text/event-stream';
const chunked = 'transfer-encoding: chunked';
const say =
  (text: string): Misbehaviour =>
  socket =>
    void socket.write(Buffer.from(text, 'latin1'));
const answer = (body: string, ...headers: readonly string[]): Misbehaviour =>
  say(head('200 OK', json, `content-length: ${body.length}`, ...headers) + body);
const events = (body: string): Misbehaviour => say(`${head('200 OK', sse, chunked)}${chunkOf(body)}0\r\n\r\n`);

function redirects(status: number): Row {
  return {
    does: socket => {
      // A listening TCP server has an address with a port.
      const { port } = trap.address() as AddressInfo;
      socket.write(
        head(`${status} Elsewhere`, `location: http://127.0.0.1:${port}/v1/chat/completions`, 'content-length: 0'),
      );
    },
    own: '502 upstream_error',
    across: '502 upstream_error',
  };
}

const chatWhole =
  '{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}';
const chatDelta =
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":null}]}\n\n';
const chatFinish =
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const chatUsage =
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n';
const chatEnd = `${chatFinish}${chatUsage}data: [DONE]\n\n`;

/** 200 with content first, then a fault inside: `200+` and the fault's code as the exchange has it. */
const rows: Readonly<Record<string, Row>> = {
  'endless-headers': {
    does: socket => {
      socket.write('HTTP/1.1 200 OK\r\n');
      writeForever(socket, `x-h: ${'v'.repeat(1000)}\r\n`);
    },
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'one-endless-header': {
    does: socket => {
      socket.write('HTTP/1.1 200 OK\r\nx-h: ');
      writeForever(socket, 'v'.repeat(4000));
    },
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'endless-status-line': {
    does: socket => {
      socket.write('HTTP/1.1 200 ');
      writeForever(socket, 'O'.repeat(4000));
    },
    // No byte of an answer comes of it, and none of it is kept.
    own: '504 upstream_first_byte_timeout',
    across: '504 upstream_first_byte_timeout',
  },
  'endless-answer': {
    does: socket => {
      socket.write(head('200 OK', json, chunked) + chunkOf('{"choices":[{"message":{"content":"'));
      writeForever(socket, chunkOf('x'.repeat(65_536)));
    },
    own: '200+ upstream_response_too_large',
    across: '502 upstream_response_too_large',
  },
  'endless-refusal': {
    does: socket => {
      socket.write(head('500 Oops', json, chunked));
      writeForever(socket, chunkOf('x'.repeat(65_536)));
    },
    own: '502 upstream_error',
    across: '502 upstream_error',
  },
  'endless-comments': {
    stream: true,
    does: socket => {
      socket.write(head('200 OK', sse, chunked));
      writeForever(socket, chunkOf(': waiting\n\n'.repeat(100)));
    },
    own: '200+ deadline_exceeded',
    across: '504 deadline_exceeded',
  },
  'endless-event': {
    stream: true,
    does: socket => {
      socket.write(head('200 OK', sse, chunked) + chunkOf('data: {"x":"'));
      writeForever(socket, chunkOf('x'.repeat(65_536)));
    },
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'endless-event-after-content': {
    stream: true,
    does: socket => {
      socket.write(head('200 OK', sse, chunked) + chunkOf(`${chatDelta}data: {"x":"`));
      writeForever(socket, chunkOf('x'.repeat(65_536)));
    },
    own: '200+ upstream_malformed',
    across: '200+ upstream_malformed',
  },
  'an-event-over-the-bound': {
    stream: true,
    does: events(`data: {"x":"${'x'.repeat(1_500_000)}"}\n\n${chatDelta}${chatEnd}`),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'an-event-below-the-bound': {
    stream: true,
    does: events(`data: {"choices":[],"x":"${'x'.repeat(1_000_000)}"}\n\n${chatDelta}${chatEnd}`),
    own: '200 ok',
    across: '200 ok',
  },
  'endless-lines': {
    stream: true,
    does: socket => {
      socket.write(head('200 OK', sse, chunked));
      writeForever(socket, chunkOf(`data:${'x'.repeat(40)}\n`.repeat(1_000)));
    },
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'endless-after-the-end': {
    stream: true,
    does: socket => {
      socket.write(head('200 OK', sse, chunked) + chunkOf(chatDelta + chatEnd));
      writeForever(socket, chunkOf('x'.repeat(65_536)));
    },
    own: '200 ok',
    across: '200 ok',
  },
  'endless-trailers': {
    does: socket => {
      socket.write(`${head('200 OK', json, chunked)}${chunkOf(chatWhole)}0\r\n`);
      writeForever(socket, `x-t: ${'v'.repeat(1000)}\r\n`);
    },
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'bad-chunk': {
    does: say(`${head('200 OK', json, chunked)}zz\r\n{}\r\n`),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'bad-chunk-after-content': {
    stream: true,
    does: say(`${head('200 OK', sse, chunked)}${chunkOf(chatDelta)}zz\r\n{}\r\n`),
    own: '200+ upstream_malformed',
    across: '200+ upstream_malformed',
  },
  'promises-more': {
    does: socket => socket.end(head('200 OK', json, 'content-length: 9999') + chatWhole),
    own: '502 upstream_truncated',
    across: '502 upstream_truncated',
  },
  'sends-more': {
    does: say(head('200 OK', json, `content-length: ${chatWhole.length - 20}`) + chatWhole),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'two-lengths': {
    does: say(head('200 OK', json, 'content-length: 5', 'content-length: 6') + chatWhole),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'both-lengths': {
    does: say(head('200 OK', json, 'content-length: 5', chunked) + chunkOf(chatWhole)),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'early-hints-flood': {
    does: socket => writeForever(socket, 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    own: '504 upstream_first_byte_timeout',
    across: '504 upstream_first_byte_timeout',
  },
  'early-hints-then-answer': {
    does: say(
      `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${head('200 OK', json, `content-length: ${chatWhole.length}`)}${chatWhole}`,
    ),
    own: '200 ok',
    across: '200 ok',
  },
  'continue-flood': {
    does: socket => writeForever(socket, 'HTTP/1.1 100 Continue\r\n\r\n'),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'switching-protocols': {
    does: say('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'packed-answer': {
    does: socket => {
      const packed = gzipSync(chatWhole);
      socket.write(head('200 OK', json, 'content-encoding: gzip', `content-length: ${packed.length}`));
      socket.write(packed);
    },
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'no-content': { does: say(head('204 No Content')), own: '502 upstream_malformed', across: '502 upstream_malformed' },
  'reset-content': {
    does: say(head('205 Reset Content', 'content-length: 0')),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'not-modified': { does: say(head('304 Not Modified')), own: '502 upstream_error', across: '502 upstream_error' },
  'redirect-301': redirects(301),
  'redirect-302': redirects(302),
  'redirect-307': redirects(307),
  'redirect-308': redirects(308),
  'empty-answer': { does: answer(''), own: '502 upstream_malformed', across: '502 upstream_malformed' },
  'html-answer': {
    does: answer('<html><body>maintenance</body></html>'),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'html-instead-of-a-stream': {
    stream: true,
    does: say(`${head('200 OK', 'content-type: text/html', 'content-length: 13')}<html></html>`),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'html-inside-a-stream': {
    stream: true,
    does: events('<html>\n<body>\n\n</body></html>'),
    own: '502 upstream_truncated',
    across: '502 upstream_truncated',
  },
  'list-answer': { does: answer('[]'), own: '502 upstream_malformed', across: '502 upstream_malformed' },
  'deep-answer': {
    does: answer(`{"choices":${'['.repeat(20_000)}${']'.repeat(20_000)}}`),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'deep-event': {
    stream: true,
    does: events(`data: {"choices":${'['.repeat(20_000)}${']'.repeat(20_000)}}\n\n`),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'nul-in-an-event': {
    stream: true,
    does: events(`data: {"choices":[{"index":0,"delta":{"content":"a\0b"}}]}\n\n${chatEnd}`),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'no-utf8': {
    does: answer(chatWhole.replace('"hi"', '"\xff\xfe"')),
    own: '200 ok',
    across: '200 ok',
  },
  'usage-of-words': {
    does: answer(chatWhole.replace('"prompt_tokens":5', '"prompt_tokens":"five"')),
    own: '200 ok',
    across: '200 ok',
  },
  'usage-below-zero': {
    does: answer(chatWhole.replace('"completion_tokens":2', '"completion_tokens":-2')),
    own: '200 ok',
    across: '200 ok',
  },
  'usage-beyond-all-bounds': {
    does: answer(chatWhole.replace('"completion_tokens":2', '"completion_tokens":1e308')),
    own: '200 ok',
    across: '200 ok',
  },
  'header-beyond-latin': {
    does: answer(chatWhole, 'x-note: caf\xe9', 'x-more: \xe2\x82\xac'),
    own: '200 ok',
    across: '200 ok',
  },
  'header-beyond-latin-streamed': {
    stream: true,
    does: socket => {
      socket.write(Buffer.from(head('200 OK', sse, chunked, 'x-note: \xe2\x82\xac'), 'latin1'));
      socket.write(`${chunkOf(chatDelta + chatEnd)}0\r\n\r\n`);
    },
    own: '200 ok',
    across: '200 ok',
  },
  'model-beyond-ascii': {
    does: answer(chatWhole.replace('"model":"m"', '"model":"m\\u20ac\\r\\nx-evil: 1"')),
    own: '200 ok',
    across: '200 ok',
  },
  'close-ends-it': {
    does: socket => socket.end(`HTTP/1.0 200 OK\r\n${json}\r\n\r\n${chatWhole}`),
    own: '200 ok',
    across: '200 ok',
  },
  'no-http': { does: say('SSH-2.0-OpenSSH_9.9\r\n'), own: '502 upstream_malformed', across: '502 upstream_malformed' },
  'status-999': {
    does: say(`${head('999 Odd', 'content-length: 2')}no`),
    own: '502 upstream_malformed',
    across: '502 upstream_malformed',
  },
  'asks-for-a-year': {
    does: say(`${head('429 Slow', json, 'retry-after: 31536000', 'content-length: 2')}{}`),
    own: '429 upstream_rate_limited',
    across: '429 upstream_rate_limited',
  },
  'leaves-at-once': { does: socket => socket.destroy(), own: '502 upstream_reset', across: '502 upstream_reset' },
  'says-nothing': {
    does: () => {},
    own: '504 upstream_first_byte_timeout',
    across: '504 upstream_first_byte_timeout',
  },
};

let provider: HostileProvider;
let carrier: Carrier;
/** What redirects point at: nobody may ever call it. */
const trap = createServer((_request, response) => {
  trapped += 1;
  response.end();
});
let trapped = 0;

before(async () => {
  await new Promise<void>(resolve => trap.listen(0, '127.0.0.1', resolve));
  provider = await startHostileProvider(
    Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, row.does])),
  );
  carrier = await startCarrier({
    yaml: supply(Object.keys(rows)),
    env: { ACME_KEY: acmeKey, UPSTREAM_KEY: 'upstream-secret' },
    flags: ['--limits-response-bytes-max=4194304', '--limits-event-bytes-max=1048576'],
  });
});
after(async () => {
  await provider.stop();
  trap.close();
});

function supply(names: readonly string[]): string {
  const prices = 'currency: USD, rates: { "hostile/*": { input: "1.00", output: "2.00" } }';
  return [
    'providers:',
    `  bare: { dialect: openai-chat, baseUrl: "${provider.url}/v1", credential: env:UPSTREAM_KEY }`,
    'deployments:',
    ...names.map(
      name =>
        `  d-${name}: { provider: bare, model: "hostile/${name}", targetModel: ${name}, limits: { concurrency: 2 } }`,
    ),
    'routes:',
    ...names.map(
      name =>
        `  ${name}: { candidates: [ { deployment: d-${name} } ], retries: 0, firstByteTimeoutMs: 700, idleTimeoutMs: 700, totalTimeoutMs: 1500 }`,
    ),
    `prices: { sell: { ${prices} }, buy: { ${prices} } }`,
    'organisations: { acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } }, budget: { limit: "1000", period: month, hard: true } } } } }',
    '',
  ].join('\n');
}

interface Told {
  readonly told: string;
  readonly exchange: string;
  readonly text: string;
}

/** A permit that did not come in time is the machine's doing, not the provider's: such a request is sent again. */
async function ask(dialect: Dialect, name: string, stream: boolean): Promise<Told> {
  for (let tries = 1; ; tries++) {
    const told = await askOnce(dialect, name, stream);
    sent++;
    if (!/ (?:deployment_saturated|budget_unverifiable)$/.test(told.told) || tries === 5) return told;
  }
}

async function askOnce(dialect: Dialect, name: string, stream: boolean): Promise<Told> {
  const path = dialect === 'openai-chat' ? '/v1/chat/completions' : '/v1/messages';
  const response = await fetch(carrier.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: name, max_tokens: 50, stream, messages: [{ role: 'user', content: 'hello' }] }),
  });
  const exchange = response.headers.get('x-carrier-exchange-id') ?? '';
  const fault = response.headers.get('x-carrier-fault');
  let text: string;
  try {
    text = await response.text();
  } catch {
    return { told: '200+', exchange, text: '' };
  }
  if (response.status === 200 && /"error":\s*\{/.test(text)) return { told: '200+', exchange, text };
  return { told: `${response.status} ${fault ?? 'ok'}`, exchange, text };
}

function register(name: string, row: Row): void {
  for (const dialect of ['openai-chat', 'anthropic-messages'] as const) {
    const expected = dialect === 'openai-chat' ? row.own : row.across;
    test(`a provider with ${name}: a client of ${dialect} is told ${expected}`, async () => {
      const { told, exchange, text } = await ask(dialect, name, row.stream ?? false);

      const [status, code] = expected.split(' ');
      assert.equal(told, status === '200+' ? '200+' : expected, text.slice(0, 500));
      outcomes.set(exchange, code!);
    });
  }
}

/** Requests that were sent, all of which are admitted. */
let sent = 0;
/** What each exchange ended with. */
const outcomes = new Map<string, string>();

for (const [name, row] of Object.entries(rows)) register(name, row);

test('what a provider puts into headers arrives as it was, or cleaned where we make a header of it', async () => {
  const ask = (name: string) =>
    fetch(`${carrier.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: name, messages: [] }),
    });
  const relayed = await ask('header-beyond-latin');
  const named = await ask('model-beyond-ascii');
  sent += 2;

  assert.equal(relayed.headers.get('x-note'), 'caf\xe9');
  assert.equal(relayed.headers.get('x-more'), '\xe2\x82\xac');
  assert.equal(named.headers.get('x-carrier-served-model'), 'm___x-evil: 1');
  assert.equal(named.headers.get('x-evil'), null);
});

test('nobody followed a redirect', () => {
  assert.equal(trapped, 0);
});

/** A worker at rest takes 120 MiB; the rest is buffers of floods that the collector has not looked at yet. */
const memoryBytesMax = 512 * 1024 * 1024;

test('memory stayed bounded', () => {
  for (const id of carrier.workerProcessIds()) {
    const { peakBytes } = memoryOf(id);
    assert.ok(peakBytes < memoryBytesMax, `a worker took ${Math.round(peakBytes / 1024 / 1024)} MiB`);
  }
});

test('every exchange is in the ledger, and nothing is left open, held or permitted', async () => {
  const ended = await assertAtRest(carrier);

  assert.ok(ended <= sent && ended >= outcomes.size, `${ended} exchanges of ${sent} requests`);
  for (const [id, outcome] of outcomes) {
    const { json } = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    assert.equal(json.outcome, outcome, id);
  }
});
