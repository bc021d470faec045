/** How much worker time does each pair of dialects take: a small request, one with an image of 200 kB, with twelve tools, with
 *  a schema, reading and lowering and writing included; a whole answer; a stream of 65 chunks, plain and with thinking? On
 *  the diagonal, where bytes pass: reading and splicing the request, watching the answer.
 *  Run: node bench/dialects.ts [--only <part of a question>]. Prints machine, commit, and of batches median and p99 in µs,
 *  a row per client and a column per provider. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { CompletionEvent } from '../src/completion/event.ts';
import { LossLedger } from '../src/completion/loss.ts';
import type { AnswerContext, Dialect, PathFacts } from '../src/dialects/dialect.ts';
import { dialects } from '../src/dialects/registry.ts';
import { translateAnswer, translateRequest } from '../src/dialects/translate.ts';
import { inlineImage, personSchema, toolNames } from './shapes.ts';

const { values: options } = parseArgs({ options: { only: { type: 'string' } } });
const batches = 60;
const chunkCount = 64;
const all = [...dialects.values()];
const target = { targetModel: 'served', outputTokensMax: 4096 };

// Requests are written once as chat completions, and carried into every dialect as the gateway would.

const question = 'Say hello in French, please.';
const ask = { role: 'user', content: question };
const system = { role: 'system', content: 'You are helpful.' };
const prose = 'A line of prose with a "quoted" word in it.\n'.repeat(38);
const turns = Array.from({ length: 20 }, (_, index) => ({
  role: index % 2 === 0 ? 'user' : 'assistant',
  content: prose,
}));
const imageUrl = { url: `data:image/png;base64,${inlineImage}` };
const shapes = {
  small: { messages: [system, ask] },
  '34 kB': { messages: [system, ...turns.slice(0, -1)] },
  'an image of 200 kB': {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: question },
          { type: 'image_url', image_url: imageUrl },
        ],
      },
    ],
  },
  '12 tools': {
    messages: [ask],
    tools: toolNames.map(name => ({ type: 'function', function: { name, parameters: personSchema } })),
  },
  'a schema': {
    messages: [ask],
    response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: personSchema } },
  },
} as const;
type Shape = keyof typeof shapes;

interface Carried {
  readonly body: Buffer;
  /** Of dialects that name the model in the path. */
  readonly named: PathFacts | undefined;
}

const named: PathFacts = { requestedModel: 'acme/x', stream: false };

function requestOf(dialect: Dialect, shape: Shape): Carried {
  const chat = Buffer.from(JSON.stringify({ model: 'acme/x', max_tokens: 100, ...shapes[shape] }));
  const from = dialects.get('openai-chat')!;
  const body = dialect === from ? chat : translateRequest(chat, { client: from, provider: dialect, target }).body;
  return { body, named: JSON.parse(body.toString()).model === undefined ? named : undefined };
}

// Answers are written by each dialect from the same events.

const usage = { inputUncached: 19, output: 64 };
const reply = [...textBlock(0, ['Bonjour !'])];
const words = textBlock(0, Array<string>(chunkCount).fill(' word'));
const half = chunkCount / 2;
const thoughts: readonly CompletionEvent[] = [
  { type: 'block-open', index: 0, block: { type: 'reasoning' } },
  ...Array.from({ length: half }, () => ({ type: 'text-delta', index: 0, text: ' thought' }) as const),
  { type: 'state', index: 0, state: 's'.repeat(600) },
  { type: 'block-close', index: 0 },
  ...textBlock(1, Array<string>(half).fill(' word')),
];

function textBlock(index: number, texts: readonly string[]): CompletionEvent[] {
  return [
    { type: 'block-open', index, block: { type: 'text' } },
    ...texts.map(text => ({ type: 'text-delta', index, text }) as const),
    { type: 'block-close', index },
  ];
}

function answered(blocks: readonly CompletionEvent[]): CompletionEvent[] {
  const finish = { reason: 'stop', raw: undefined, stopSequence: undefined } as const;
  return [
    { type: 'message-start', id: 'id', servedModel: 'm', createdAtMs: 1_700_000_000_000, usage: undefined },
    ...blocks,
    { type: 'usage', usage, raw: {}, serviceTier: undefined },
    { type: 'finish', finish },
    { type: 'message-end' },
  ];
}

function context(): AnswerContext {
  return {
    exchangeId: 'ex_1',
    targetModel: 'served',
    createdAtMs: 1_700_000_000_000,
    streamUsage: true,
    inputTokensEstimate: 19,
    losses: new LossLedger(),
  };
}

/** An event a chunk, as providers send them; what is quiet comes with the next one. */
function chunksOf(dialect: Dialect, blocks: readonly CompletionEvent[]): Buffer[] {
  const encoder = dialect.encodeStream(context());
  return answered(blocks)
    .map(event => encoder.push(event))
    .filter(bytes => bytes.length > 0);
}

type Work = (client: Dialect, provider: Dialect) => () => void;

function request(shape: Shape): Work {
  return (client, provider) => {
    const given = requestOf(client, shape);
    if (client !== provider) {
      return () => void translateRequest(given.body, { client, provider, target, named: given.named });
    }
    return () => {
      const scan = client.scanRequest(given.body, given.named);
      client.spliceRequest(given.body, scan, { targetModel: 'served', askUsage: true, outputTokensMax: undefined });
    };
  };
}

const answer: Work = (client, provider) => {
  const body = provider.encodeAnswer(answered(reply), context());
  if (client === provider) return () => void provider.observeAnswer(body);
  return () => void translateAnswer(body, { client, provider }, context());
};

function stream(blocks: readonly CompletionEvent[]): Work {
  return (client, provider) => {
    const chunks = chunksOf(provider, blocks);
    if (client === provider) {
      return () => {
        const observer = client.observeStream({ stripUsage: true });
        for (const chunk of chunks) observer.push(chunk);
        observer.finish();
      };
    }
    return () => {
      const answering = context();
      const decoder = provider.decodeStream(answering.losses);
      const encoder = client.encodeStream(answering);
      for (const chunk of chunks) for (const event of decoder.push(chunk)) encoder.push(event);
    };
  };
}

const questions: readonly (readonly [question: string, batch: number, work: Work])[] = [
  ['request, small', 50, request('small')],
  ['request, 34 kB', 10, request('34 kB')],
  ['request, an image of 200 kB', 4, request('an image of 200 kB')],
  ['request, 12 tools', 10, request('12 tools')],
  ['request, a schema', 30, request('a schema')],
  ['whole answer', 50, answer],
  ['stream of 65 chunks', 5, stream(words)],
  ['stream of 65 chunks that thinks', 5, stream(thoughts)],
];

/** Median and p99 of batches in µs; a word where the pair refuses the shape. */
function measure(batch: number, prepare: () => () => void): string {
  const took: number[] = [];
  let run: () => void;
  try {
    run = prepare();
    run();
  } catch (fault) {
    return fault instanceof Error && 'code' in fault ? String(fault.code) : 'fails';
  }
  for (let round = -batches; round < batches; round += 1) {
    const startedMs = performance.now();
    for (let turn = 0; turn < batch; turn += 1) run();
    if (round >= 0) took.push(((performance.now() - startedMs) * 1_000) / batch);
  }
  took.sort((left, right) => left - right);
  const at = (share: number): string => took[Math.floor(batches * share)]!.toFixed(1);
  return `${at(0.5)} / ${at(0.99)}`;
}

console.log(`machine: ${cpus()[0]?.model} × ${cpus().length}, node ${process.version}`);
console.log(`commit: ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()}`);
console.log('µs of worker time, median / p99; rows are clients, columns providers');
for (const [name, batch, work] of questions) {
  if (options.only !== undefined && !name.includes(options.only)) continue;
  const line = (cells: readonly string[]): string =>
    cells
      .map(text => text.padEnd(20))
      .join('')
      .trimEnd();
  console.log(`\n${line([name, ...all.map(provider => provider.name)])}`);
  for (const client of all) {
    console.log(line([client.name, ...all.map(provider => measure(batch, () => work(client, provider)))]));
  }
}
