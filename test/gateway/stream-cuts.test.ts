import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

const streams = {
  'openai-chat': [
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Grüße "},"finish_reason":null}],"usage":null}\n\n',
    ': keep-alive\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"world"},"finish_reason":null}],"usage":null}\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}\n\n',
    'data: [DONE]\n\n',
  ].join(''),
  'anthropic-messages': [
    'event: message_start\r\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}\r\n\r\n',
    'event: content_block_start\r\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\r\n\r\n',
    'event: ping\r\ndata: {"type":"ping"}\r\n\r\n',
    'event: content_block_delta\r\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüße world"}}\r\n\r\n',
    'event: content_block_stop\r\ndata: {"type":"content_block_stop","index":0}\r\n\r\n',
    'event: message_delta\r\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4}}\r\n\r\n',
    'event: message_stop\r\ndata: {"type":"message_stop"}\r\n\r\n',
  ].join(''),
} as const;

/** A provider that answers each request with exactly these pieces, then closes or, when `properly`, ends. */
interface Play {
  pieces: readonly Buffer[];
  properly: boolean;
}

suite('a stream within one dialect', () => {
  const play: Play = { pieces: [], properly: true };
  let provider: Server;
  let gateway: TestGateway;

  before(async () => {
    provider = createServer(socket => {
      socket.on('error', () => {});
      socket.setNoDelay(true);
      socket.on('data', bytes => {
        if (bytes.includes('messages')) void answer(socket, play);
      });
    });
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
    const { port } = provider.address() as { port: number };
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'openai-chat', kind: 'openai', baseUrl: `http://127.0.0.1:${port}/v1` },
          {
            name: 'anthropic-messages',
            kind: 'anthropic',
            dialects: ['anthropic-messages'],
            baseUrl: `http://127.0.0.1:${port}`,
          },
        ],
        deployments: [
          { id: 'chat', provider: 'openai-chat', model: 'a/chat' },
          { id: 'messages', provider: 'anthropic-messages', model: 'a/messages' },
        ],
        routes: [
          { name: 'to-chat', candidates: [{ deployment: 'chat' }], policy: { retries: 0 } },
          { name: 'to-messages', candidates: [{ deployment: 'messages' }], policy: { retries: 0 } },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await new Promise(resolve => provider.close(resolve));
  });

  for (const [dialect, text] of Object.entries(streams) as [keyof typeof streams, string][]) {
    const whole = Buffer.from(text);

    for (const [name, pieces] of [
      ['whole', [whole]],
      ['by event', text.split(/(?<=\n\r?\n)/).map(event => Buffer.from(event))],
      ['by byte', [...whole].map(byte => Buffer.from([byte]))],
    ] as const) {
      test(`${dialect}: sent ${name}, every byte arrives, once and in order`, async () => {
        Object.assign(play, { pieces, properly: true });

        const { status, body } = await ask(dialect, true);

        assert.equal(status, 200);
        assert.equal(body, text);
        const end = gateway.ends().at(-1)!;
        assert.deepEqual(end.reading?.slices, { inputUncached: 9, output: 4 });
        assert.equal(end.state, 'settled');
      });
    }

    test(`${dialect}: usage that only we asked for is taken out again, and nothing else`, async () => {
      Object.assign(play, { pieces: [whole], properly: true });

      const { body } = await ask(dialect, false);

      const usageEvent = /data: \{[^\n]*"choices":\[\],"usage"[^\n]*\n\n/;
      assert.equal(body, text.replace(usageEvent, ''));
      assert.equal(gateway.ends().at(-1)?.reading?.source, 'provider');
    });

    for (const properly of [true, false]) {
      test(`${dialect}: cut ${properly ? 'politely' : 'off'} at every byte, it ends in exactly one terminal or error`, async () => {
        const terminalAt = whole.lastIndexOf(dialect === 'openai-chat' ? 'data: [DONE]' : 'event: message_stop');
        for (let cut = 0; cut < whole.length; cut += cut < 200 || cut > terminalAt - 20 ? 1 : 7) {
          Object.assign(play, { pieces: [whole.subarray(0, cut)], properly });
          const ends = gateway.ends().length;

          const { status, body } = await ask(dialect, true);
          await gateway.untilEnded(ends + 1);

          const end = gateway.ends().at(-1)!;
          const terminals = body.split('data: [DONE]').length + body.split('event: message_stop').length - 2;
          const errors = (body.match(/"error":\{/g) ?? []).length;
          assert.equal(gateway.ends().length, ends + 1);
          assert.equal(terminals + errors, 1, `cut at ${cut}: ${body}`);
          if (status === 200 && errors === 1) {
            // What came before the error event is a prefix of what the provider sent, cut between events. An event
            // that lacked only its blank line leaves with a plain one.
            const errorAt = body.search(dialect === 'openai-chat' ? /data: \{"error"/ : /event: error/);
            assert.ok(plain(text).startsWith(plain(body.slice(0, errorAt))), `cut at ${cut}`);
            assert.match(body.slice(0, errorAt), /\n\r?\n$/);
            assert.equal(end.outcome, 'upstream_truncated');
            assert.equal(end.state, 'estimated');
            assert.equal(end.reading?.source, 'estimated');
          }
          if (terminals === 1) assert.equal(end.outcome, 'ok');
          if (status !== 200) assert.equal(end.state, 'void');
        }
      });
    }
  }

  async function ask(dialect: keyof typeof streams, usage: boolean): Promise<{ status: number; body: string }> {
    const chat = dialect === 'openai-chat';
    const response = await fetch(`${gateway.url}${chat ? '/v1/chat/completions' : '/v1/messages'}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
      },
      body: JSON.stringify({
        model: chat ? 'to-chat' : 'to-messages',
        max_tokens: 50,
        stream: true,
        ...(chat && usage ? { stream_options: { include_usage: true } } : undefined),
        messages: [{ role: 'user', content: 'hello' }],
      }),
    });
    return { status: response.status, body: await response.text() };
  }
});

function plain(text: string): string {
  return text.replaceAll('\r', '');
}

async function answer(socket: Socket, { pieces, properly }: Play): Promise<void> {
  socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    socket.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
    // Each piece in its own turn of the loop, so that it is read by itself.
    await new Promise(resolve => setImmediate(resolve));
  }
  if (properly) socket.write('0\r\n\r\n');
  else socket.end();
}
