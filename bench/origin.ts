/** A provider that costs almost nothing: canned bytes, so that what is measured is what stands between.
 *  POST …/chat/completions and …/v1/messages, whole or, when the body says `"stream":true`, as 65 chunks. A model whose name
 *  ends with -tools calls a tool, one with -thinking thinks in the first half of its stream.
 *  Arguments: port, milliseconds between chunks. Prints one line when it listens. */
import { createServer, type Socket } from 'node:net';

const port = Number(process.argv[2] ?? 0);
const paceMs = Number(process.argv[3] ?? 2);
const chunks = 65;

const chatWhole = JSON.stringify({
  id: 'chatcmpl-BenchBenchBenchBenchBenchBen',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'gpt-5-2025-08-07',
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'Every model, carried on equal terms. '.repeat(4),
        refusal: null,
        annotations: [],
      },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: {
    prompt_tokens: 21,
    completion_tokens: 36,
    total_tokens: 57,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  },
  service_tier: 'default',
  system_fingerprint: 'fp_bench',
});

const messagesWhole = JSON.stringify({
  id: 'msg_BenchBenchBenchBenchBe',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5',
  content: [{ type: 'text', text: 'Every model, carried on equal terms. '.repeat(4) }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: {
    input_tokens: 21,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: 36,
    service_tier: 'standard',
  },
});

const chatStream: Buffer[] = [];
for (let index = 0; index < chunks; index += 1) {
  const head =
    '{"id":"chatcmpl-BenchBenchBenchBenchBenchBen","object":"chat.completion.chunk","created":1790000000,"model":"gpt-5-2025-08-07","service_tier":"default","system_fingerprint":"fp_bench",';
  const text =
    index === 0
      ? `data: ${head}"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}\n\n`
      : index === chunks - 1
        ? `data: ${head}"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n` +
          `data: ${head}"choices":[],"usage":{"prompt_tokens":21,"completion_tokens":63,"total_tokens":84,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}}\n\ndata: [DONE]\n\n`
        : `data: ${head}"choices":[{"index":0,"delta":{"content":" word${index}"},"logprobs":null,"finish_reason":null}],"usage":null}\n\n`;
  chatStream.push(httpChunk(text));
}

const messagesStream: Buffer[] = [];
for (let index = 0; index < chunks; index += 1) {
  const text =
    index === 0
      ? 'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_BenchBenchBenchBenchBe","type":"message","role":"assistant","model":"claude-sonnet-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
      : index === chunks - 1
        ? 'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":63}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
        : `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word${index}"}}\n\n`;
  messagesStream.push(httpChunk(text));
}

const callInput = { name: 'Ada', age: 36, kind: 'customer', addresses: [] };
const chatCall = JSON.stringify({
  ...JSON.parse(chatWhole),
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'call_BenchBenchBenchBenchBen',
            type: 'function',
            function: { name: 'lookup_7', arguments: JSON.stringify(callInput) },
          },
        ],
      },
      logprobs: null,
      finish_reason: 'tool_calls',
    },
  ],
});
const messagesCall = JSON.stringify({
  ...JSON.parse(messagesWhole),
  content: [{ type: 'tool_use', id: 'toolu_BenchBenchBenchBench', name: 'lookup_7', input: callInput }],
  stop_reason: 'tool_use',
});

const half = Math.floor(chunks / 2);
const chatThinking = chatStream.map((chunk, index) =>
  index > 0 && index < half ? httpChunk(textOf(chunk).replace('"content"', '"reasoning_content"')) : chunk,
);
const messagesThinking = messagesStream.map((chunk, index) => {
  const text = textOf(chunk);
  if (index === 0) {
    return httpChunk(text.replace('{"type":"text","text":""}', '{"type":"thinking","thinking":"","signature":""}'));
  }
  if (index < half) return httpChunk(text.replace('"text_delta","text"', '"thinking_delta","thinking"'));
  const later = text.replaceAll('"index":0', '"index":1');
  if (index > half) return httpChunk(later);
  return httpChunk(
    `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"${'s'.repeat(600)}"}}\n\n` +
      'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n' +
      `event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}\n\n${later}`,
  );
});

function textOf(chunk: Buffer): string {
  return chunk.toString('utf8', chunk.indexOf('\r\n') + 2, chunk.length - 2);
}

const wholeHead = (length: number): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nx-request-id: req_bench\r\n\r\n`;
const chatWholeBytes = Buffer.from(wholeHead(Buffer.byteLength(chatWhole)) + chatWhole);
const messagesWholeBytes = Buffer.from(wholeHead(Buffer.byteLength(messagesWhole)) + messagesWhole);
const chatCallBytes = Buffer.from(wholeHead(Buffer.byteLength(chatCall)) + chatCall);
const messagesCallBytes = Buffer.from(wholeHead(Buffer.byteLength(messagesCall)) + messagesCall);
const streamHead = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\nx-request-id: req_bench\r\n\r\n',
);
const lastChunk = Buffer.from('0\r\n\r\n');

const server = createServer(socket => {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  let waiting = Buffer.alloc(0);
  socket.on('data', bytes => {
    waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes]);
    for (;;) {
      const headEnd = waiting.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = waiting.toString('latin1', 0, headEnd).toLowerCase();
      const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (waiting.length < end) return;
      const body = waiting.subarray(headEnd + 4, end);
      const messages = head.includes('/messages ') || head.includes('/messages?');
      const stream =
        /"stream": ?true/.test(body.toString('latin1', Math.max(0, body.length - 400))) ||
        /"stream": ?true/.test(body.toString('latin1', 0, 400));
      waiting = waiting.subarray(end);
      // The name stands first in every body, or right after what was asked for first.
      const ending = /"model": ?"[^"]*-(tools|thinking)"/.exec(body.toString('latin1', 0, 400))?.[1];
      if (stream) sendStream(socket, streamOf(messages, ending));
      else socket.write(wholeOf(messages, ending));
    }
  });
});

function wholeOf(messages: boolean, ending: string | undefined): Buffer {
  if (ending === 'tools') return messages ? messagesCallBytes : chatCallBytes;
  return messages ? messagesWholeBytes : chatWholeBytes;
}

function streamOf(messages: boolean, ending: string | undefined): readonly Buffer[] {
  if (ending === 'thinking') return messages ? messagesThinking : chatThinking;
  return messages ? messagesStream : chatStream;
}

function sendStream(socket: Socket, parts: readonly Buffer[]): void {
  socket.write(streamHead);
  let next = 0;
  const step = (): void => {
    if (socket.destroyed) return;
    socket.write(parts[next]!);
    next += 1;
    if (next < parts.length) setTimeout(step, paceMs);
    else socket.write(lastChunk);
  };
  step();
}

function httpChunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}

server.listen({ host: '127.0.0.1', port, backlog: 8192 }, () => {
  const address = server.address();
  process.stdout.write(`listening ${typeof address === 'object' && address !== null ? address.port : port}\n`);
});
