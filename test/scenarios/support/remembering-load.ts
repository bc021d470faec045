import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Seeded, seeded } from './seeded.ts';

/** What a client knows of one request afterwards, whatever became of the server. */
export interface Remembered {
  readonly dialect: 'openai-chat' | 'anthropic-messages';
  readonly stream: boolean;
  readonly key: string;
  /** undefined until the headers came. */
  exchangeId: string | undefined;
  status: number | undefined;
  fault: string | undefined;
  deployment: string | undefined;
  /** The exchange was certainly admitted: something was sent for it. */
  admitted: boolean;
  /** It saw the answer end: the last byte of a whole one, the terminal event of a stream. */
  ended: boolean;
  /** The client left on purpose. */
  left: boolean;
  /** Input and output tokens of the answer, as far as it said them. */
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}

export interface LoadOptions {
  readonly url: string;
  /** Secrets of keys. */
  readonly keys: readonly string[];
  /** What is asked for, of either dialect. */
  readonly models: readonly string[];
  readonly callers: number;
  readonly seed: number;
}

export interface Load {
  /** In the order sent; grows while it runs. */
  readonly remembered: readonly Remembered[];
  /** Callers finish what they wait for. */
  stop(): Promise<void>;
}

/** An answer that takes longer hangs, and that is a failure of its own. */
const answerTimeoutMs = 30_000;
const tokensMax = 60;

/** Callers that ask one thing after another, streams and not, in both dialects, and remember what they saw end. */
export function startLoad(options: LoadOptions): Load {
  const remembered: Remembered[] = [];
  const stopping = new AbortController();
  const agent = new Agent({ keepAlive: true, maxSockets: options.callers });
  const callers = Array.from({ length: options.callers }, async (_, caller) => {
    const random = seeded(options.seed * 1_000 + caller);
    while (!stopping.signal.aborted) {
      const memory = await call(options, agent, random, remembered);
      // Whoever is refused, or finds nobody, tries again a little later, as clients do.
      if (memory.status === undefined) await sleep(random.whole(50, 200));
      else if (memory.status !== 200) await sleep(random.whole(20, 60));
    }
  });
  return {
    remembered,
    async stop() {
      stopping.abort();
      await Promise.all(callers);
      agent.destroy();
    },
  };
}

async function call(options: LoadOptions, agent: Agent, random: Seeded, remembered: Remembered[]): Promise<Remembered> {
  const memory: Remembered = {
    dialect: random.one(['openai-chat', 'anthropic-messages'] as const),
    stream: random.chance(0.5),
    key: random.one(options.keys),
    exchangeId: undefined,
    status: undefined,
    fault: undefined,
    deployment: undefined,
    admitted: false,
    ended: false,
    left: false,
    inputTokens: undefined,
    outputTokens: undefined,
  };
  remembered.push(memory);
  const leavesAfterBytes = random.chance(0.05) ? random.whole(0, 2_000) : undefined;
  const body = JSON.stringify({
    model: random.one(options.models),
    max_tokens: tokensMax,
    stream: memory.stream,
    ...(memory.stream && memory.dialect === 'openai-chat' ? { stream_options: { include_usage: true } } : {}),
    messages: [{ role: 'user', content: 'x'.repeat(random.whole(1, 200)) }],
  });
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(
      options.url + (memory.dialect === 'openai-chat' ? '/v1/chat/completions' : '/v1/messages'),
      {
        method: 'POST',
        // Connections of their own reach another worker each.
        agent: random.chance(0.3) ? new Agent() : agent,
        headers: {
          authorization: `Bearer ${memory.key}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'anthropic-version': '2023-06-01',
        },
      },
    );
    const timer = setTimeout(() => {
      reject(new Error(`no end of exchange ${memory.exchangeId} within ${answerTimeoutMs} ms`));
      outgoing.destroy();
    }, answerTimeoutMs);
    outgoing.on('response', response => {
      readHead(memory, response);
      readBody(memory, response, leavesAfterBytes);
    });
    // The server died, or is not there: what was seen until then is what is remembered.
    outgoing.on('error', () => {});
    outgoing.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    outgoing.end(body);
  });
  return memory;
}

function readHead(memory: Remembered, response: IncomingMessage): void {
  const header = (name: string) => response.headers[name] as string | undefined;
  memory.status = response.statusCode;
  memory.exchangeId = header('x-carrier-exchange-id');
  memory.fault = header('x-carrier-fault');
  memory.deployment = header('x-carrier-deployment');
  memory.admitted = Number(header('x-carrier-attempts') ?? 0) > 0;
}

function readBody(memory: Remembered, response: IncomingMessage, leavesAfterBytes: number | undefined): void {
  const streamed = response.headers['content-type']?.startsWith('text/event-stream') === true;
  let text = '';
  const look = () => {
    memory.ended ||= streamed ? endedStream(text) : response.complete;
    memory.inputTokens = lastNumber(text, /"(?:prompt|input)_tokens": ?(\d+)/g);
    memory.outputTokens = lastNumber(text, /"(?:completion|output)_tokens": ?(\d+)/g);
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    // A stream has ended with its terminal event, although its connection may live on or break.
    if (streamed && endedStream(text)) look();
    if (leavesAfterBytes === undefined || text.length < leavesAfterBytes) return;
    memory.left = true;
    response.destroy();
  });
  response.on('end', look);
  response.on('error', () => {});
}

function endedStream(text: string): boolean {
  return text.includes('data: [DONE]\n\n') || /event: message_stop\ndata: [^\n]*\n\n/.test(text);
}

function lastNumber(text: string, pattern: RegExp): number | undefined {
  const last = [...text.matchAll(pattern)].at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}
