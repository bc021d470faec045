import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createSocketServer } from 'node:net';
import type { CompletionEvent } from '../../src/completion/event.ts';
import { Fault } from '../../src/completion/fault.ts';
import { LossLedger } from '../../src/completion/loss.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { dialectRows, framesOf } from '../support/dialect-rows.ts';
import { binaryEvent, readBinaryEvents } from '../support/event-stream.ts';
import { type MatrixDialect, matrixDialects } from './dialects.ts';
import type { FaultName, Level } from './table.ts';

/** What a provider does to the request of one cell. */
export interface Stage {
  readonly fault: FaultName;
  readonly level: Level;
  readonly stream: boolean;
  /** Who is asked next sends its events one by one, else all at once. */
  readonly inPieces: boolean;
  /** The client has something of the answer, if the level says so. */
  readonly shown: Promise<void>;
  /** It does nothing any more until time passes. */
  waits(): void;
  /** Another provider was asked. */
  relieved(): void;
}

export interface StagedProviders {
  /** Fails as the cells say that `stage` was given for. */
  readonly subjectUrl: string;
  /** Never fails. */
  readonly reserveUrl: string;
  readonly refusingUrl: string;
  readonly resettingUrl: string;
  stage(cell: number, stage: Stage): void;
  stop(): Promise<void>;
}

/** Providers whose answers are the emulator's, gone wrong at a place that is exact: what comes before it is with the client
 *  when the fault strikes. */
export async function startStagedProviders(): Promise<StagedProviders> {
  const emulator = await startEmulator({ record: false });
  const stages = new Map<number, Stage>();
  const subject = await listen(
    createServer(
      (request, response) => void answer(emulator, stages, request, response).catch(() => response.destroy()),
    ),
  );
  const reserve = await listen(
    createServer(
      (request, response) => void relieve(emulator, stages, request, response).catch(() => response.destroy()),
    ),
  );
  // The first bytes of a handshake come, and are answered by a reset.
  const resetting = createSocketServer(socket => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  await new Promise<void>(resolve => resetting.listen(0, '127.0.0.1', resolve));
  return {
    subjectUrl: subject.url,
    reserveUrl: reserve.url,
    refusingUrl: 'http://127.0.0.1:1',
    resettingUrl: `https://127.0.0.1:${(resetting.address() as AddressInfo).port}`,
    stage: (cell, stage) => void stages.set(cell, stage),
    stop: async () => {
      for (const { server } of [subject, reserve]) {
        server.closeAllConnections();
        await new Promise(resolve => server.close(resolve));
      }
      await new Promise(resolve => resetting.close(resolve));
      await emulator.stop();
    },
  };
}

async function listen(server: Server): Promise<{ readonly server: Server; readonly url: string }> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  // The cast is true: it listens on TCP.
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

interface Asked {
  readonly row: MatrixDialect;
  readonly stage: Stage;
  readonly body: string;
}

async function read(stages: ReadonlyMap<number, Stage>, request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const row = matrixDialects.find(({ asked }) => asked.test(request.url ?? ''));
  const stage = stages.get(Number(/cell (\d+)/.exec(body)?.[1]));
  if (row === undefined || stage === undefined) throw new Error(`nothing is staged for ${request.url} ${body}`);
  return { row, stage, body };
}

async function relieve(
  emulator: Emulator,
  stages: ReadonlyMap<number, Stage>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { row, stage, body } = await read(stages, request);
  stage.relieved();
  // Who goes on with a text says its last words again.
  const answered = await emulated(emulator, request, body, 'again=9');
  response.writeHead(answered.status, { 'content-type': answered.type });
  if (stage.inPieces) {
    for (const frame of framesOf(row.dialect.name, answered.body)) {
      response.write(frame);
      await new Promise(resolve => setImmediate(resolve));
    }
  } else response.write(answered.body);
  response.end();
}

async function emulated(emulator: Emulator, request: IncomingMessage, body: string, script: string) {
  const headers = Object.entries(request.headers).filter(([name]) =>
    /^(authorization|x-api-key|x-goog-api-key|anthropic-)/.test(name),
  );
  const answer = await fetch(emulator.url + request.url, {
    method: 'POST',
    // The cast is true: none of these is a list.
    headers: {
      ...(Object.fromEntries(headers) as Record<string, string>),
      'content-type': 'application/json',
      'x-carrier-emulate': script,
    },
    body,
  });
  const type = answer.headers.get('content-type') ?? '';
  return { status: answer.status, type, body: Buffer.from(await answer.arrayBuffer()) };
}

const statuses: Partial<Record<FaultName, readonly [status: number, headers: () => Record<string, string>]>> = {
  'status-500': [500, () => ({})],
  'status-503': [503, () => ({ 'retry-after': new Date(Date.now() + 30_000).toUTCString() })],
  'status-429': [429, () => ({ 'retry-after-ms': '2500' })],
  'status-529': [529, () => ({})],
};

async function answer(
  emulator: Emulator,
  stages: ReadonlyMap<number, Stage>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { row, stage, body } = await read(stages, request);
  const refusal = statuses[stage.fault];
  if (refusal !== undefined) {
    response.writeHead(refusal[0], { 'content-type': 'application/json', ...refusal[1]() });
    response.end('{"error":{"message":"no"}}');
    return;
  }
  if (stage.fault === 'slow-start') {
    stage.waits();
    return;
  }
  // Hosts of chat completions that show their reasoning do so by this name.
  const script =
    stage.level === 'C3' && row.dialect.name === 'openai-chat' ? 'show-reasoning=reasoning_content;reasoning=20' : '';
  const whole = await emulated(emulator, request, body, script);
  if (whole.status !== 200) throw new Error(`the emulator refuses: ${whole.body}`);
  response.writeHead(200, { 'content-type': whole.type });
  if (stage.stream) await breakStream(row, stage, row.finer?.(whole.body) ?? whole.body, response);
  else breakWhole(stage, whole.body, response);
}

async function breakStream(row: MatrixDialect, stage: Stage, bytes: Buffer, response: ServerResponse): Promise<void> {
  const frames = framesOf(row.dialect.name, bytes);
  const at = placeOf(row, stage, frames);
  for (const frame of frames.slice(0, at)) response.write(frame);
  if (at === 0) response.flushHeaders();
  // Status and quiet events are kept from the client until a while has passed.
  if (stage.level === 'C1') stage.waits();
  if (stage.level !== 'C0') await stage.shown;
  switch (stage.fault) {
    case 'stall':
      stage.waits();
      return;
    case 'invalid-json':
      response.write(damaged(row, frames[at]!));
      for (const frame of frames.slice(at + 1)) response.write(frame);
      break;
    case 'duplicate':
      for (const frame of frames.slice(Math.max(0, at - 1))) response.write(frame);
      if (at === 0) throw new Error('the first event cannot have come before');
      break;
    case 'error-event':
      response.write(errorEvent(row));
      break;
  }
  response.end();
}

function breakWhole(stage: Stage, bytes: Buffer, response: ServerResponse): void {
  const half = bytes.subarray(0, Math.ceil(bytes.length / 2));
  if (stage.fault === 'stall') {
    response.write(half);
    stage.waits();
  } else if (stage.fault === 'error-event')
    response.end('{"type":"error","error":{"type":"api_error","message":"no"}}');
  else if (stage.fault === 'invalid-json') response.end(half);
  else {
    response.write(half);
    setImmediate(() => response.socket?.destroySoon());
  }
}

/** Half of the data, and no name that would say what the other half was. */
function damaged({ dialect }: MatrixDialect, frame: Buffer): Buffer {
  if (dialectRows[dialect.name].frames === 'binary') {
    const [event] = readBinaryEvents(frame);
    const json = JSON.stringify(event!['payload']);
    return binaryEvent({ event: 'unknown' }, json.slice(0, Math.ceil(json.length / 2)));
  }
  const text = frame.toString();
  const line = text.slice(text.indexOf('data:')).trimEnd();
  return Buffer.from(`${line.slice(0, 6 + Math.ceil((line.length - 6) / 2))}\n\n`);
}

/** How many events come before the fault. */
function placeOf({ dialect }: MatrixDialect, { fault, level }: Stage, frames: readonly Buffer[]): number {
  const observer = dialect.observeStream({ stripUsage: false });
  const states = frames.map(frame => observer.push(frame).state);
  // What is said before a call is no part of it.
  const decoder = dialect.decodeStream(new LossLedger());
  const isCall = (event: CompletionEvent) => event.type === 'block-open' && event.block.type === 'call';
  const begins = level === 'C4' ? frames.findIndex(frame => decoder.push(frame).some(isCall)) : 0;
  const content = states.findIndex((state, place) => place >= begins && state === 'content');
  const end = states.indexOf('ended');
  if (content < 1 || end < content + 3) throw new Error(`an answer without content: ${frames.join('')}`);
  // One that comes twice has come once.
  if (level === 'C0') return fault === 'duplicate' ? 1 : 0;
  if (level === 'C1') return content;
  return level === 'C5' ? end : content + 3;
}

function errorEvent({ dialect }: MatrixDialect): Buffer {
  return dialect.encodeStreamFault(new Fault('upstream_error', 'no'), { exchangeId: 'ex' });
}
