import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { EmulatedAnswer } from './answer.ts';
import { socketOf } from './both-protocols.ts';
import type { OpenRecord } from './recorder.ts';
import type { Script } from './script.ts';

export type Outcome = 'complete' | 'broken' | 'client-aborted';

export interface Playback {
  readonly response: ServerResponse;
  readonly answer: EmulatedAnswer;
  /** All headers but framing. */
  readonly headers: string[];
  readonly script: Script;
  readonly record: OpenRecord;
  /** Called when the answer is over, however it ended; later calls mean nothing. */
  readonly ended: (outcome: Outcome) => void;
  /** The error event that ends a stream of this provider. */
  readonly errorFrame: Buffer;
}

/** Writes an answer the way its script says: late, slowly, in other chunks, or only in part. */
export function play(playback: Playback): void {
  const { response, script } = playback;
  // A hang holds the connection until the client or stop() closes it.
  if (script.connection === 'hang') return;
  if (script.connection === 'reset') reset(playback);
  else if (script.ttfbMs > 0) later(response, script.ttfbMs, () => begin(playback));
  else begin(playback);
}

function begin(playback: Playback): void {
  const { response, answer, headers, script, record } = playback;
  const plan = planBody(playback);
  if (!answer.streamed) headers.push('content-length', String(plan.length));
  response.writeHead(answer.status, headers);
  record.began(answer.status, headers);
  if (script.ttftMs > 0) {
    response.flushHeaders();
    later(response, script.ttftMs, () => pump(playback, plan, 0));
  } else if (plan.pieces.length === 1 && plan.end === 'finish') {
    playAtOnce(playback, plan.pieces.at(0));
  } else {
    pump(playback, plan, 0);
  }
}

interface BodyPlan {
  readonly pieces: Pieces;
  /** What a whole answer promises, also when it breaks its promise. */
  readonly length: number;
  readonly end: 'finish' | 'cut' | 'reset' | 'hang';
}

interface Pieces {
  readonly length: number;
  at(position: number): Buffer;
}

function planBody(playback: Playback): BodyPlan {
  const { answer, script, errorFrame } = playback;
  const broken = script.breakOff;
  if (broken === undefined)
    return { pieces: inPieces(answer, answer.frames, script), length: size(answer.frames), end: 'finish' };

  const kept = keepFrames(answer, broken.after);
  const reached = answer.streamed ? broken.after < answer.frames.length : broken.after < size(answer.frames);
  const plan = (frames: readonly Buffer[], end: BodyPlan['end'], length = size(frames)): BodyPlan => {
    return { pieces: inPieces(answer, frames, script), length, end };
  };
  if (!reached) return plan(answer.frames, 'finish');
  switch (broken.kind) {
    case 'cut':
    case 'reset':
    case 'hang':
      return plan(kept, broken.kind, size(answer.frames));
    case 'end':
      return plan(kept, 'finish');
    case 'malformed':
      return plan(answer.streamed ? [...kept, ...malformed(answer, broken.after)] : kept, 'finish');
    case 'corrupt':
      return plan(corruptFrames(answer, broken.after), 'finish');
    case 'duplicate':
      return plan(
        answer.streamed ? [...kept, answer.frames[broken.after]!, ...answer.frames.slice(broken.after)] : answer.frames,
        'finish',
      );
    case 'error':
      return plan(answer.streamed ? [...kept, errorFrame] : [errorFrame], 'finish');
  }
}

function keepFrames(answer: EmulatedAnswer, after: number): readonly Buffer[] {
  if (answer.streamed) return answer.frames.slice(0, after);
  const body = Buffer.concat(answer.frames);
  return [body.subarray(0, after)];
}

/** The next event loses the second half of its text and keeps its end; the rest follows as if nothing had happened. */
function malformed(answer: EmulatedAnswer, after: number): Buffer[] {
  const event = answer.frames[after]!;
  const spoil = answer.malformed ?? halfAnEvent;
  return [spoil(event), ...answer.frames.slice(after + 1)];
}

function halfAnEvent(event: Buffer): Buffer {
  return Buffer.concat([event.subarray(0, Math.ceil(event.length / 2)), Buffer.from('\n\n')]);
}

/** One byte is another one: what a checksum would notice. */
function corrupted(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at]! ^= 0x20;
  return copy;
}

/** Where an event carries its text, and no frame its headers. */
const corruptFromEnd = 6;

function corruptFrames(answer: EmulatedAnswer, after: number): Buffer[] {
  if (!answer.streamed) return [corrupted(Buffer.concat(answer.frames), after)];
  const event = answer.frames[after]!;
  return answer.frames.toSpliced(after, 1, corrupted(event, Math.max(0, event.length - corruptFromEnd)));
}

function size(frames: readonly Buffer[]): number {
  return frames.reduce((bytes, frame) => bytes + frame.length, 0);
}

function inPieces(answer: EmulatedAnswer, frames: readonly Buffer[], script: Script): Pieces {
  if (script.chunks === 'event' && answer.streamed) return { length: frames.length, at: position => frames[position]! };
  const whole = frames.length === 1 ? frames[0]! : Buffer.concat(frames);
  const step = typeof script.chunks === 'number' ? script.chunks : Math.max(1, whole.length);
  return {
    length: Math.ceil(whole.length / step),
    at: position => whole.subarray(position * step, (position + 1) * step),
  };
}

function playAtOnce(playback: Playback, body: Buffer): void {
  playback.record.wrote(body);
  playback.ended('complete');
  playback.response.end(body);
}

/** One piece, then a pause: at least a turn of the event loop, so that every piece is a write of its own. */
function pump(playback: Playback, plan: BodyPlan, position: number): void {
  const { response, script, record } = playback;
  if (isGone(response)) return;
  if (position === plan.pieces.length) {
    finish(playback, plan.end);
    return;
  }
  const piece = plan.pieces.at(position);
  record.wrote(piece);
  const next = () => pump(playback, plan, position + 1);
  if (!response.write(piece)) {
    response.once('drain', script.paceMs > 0 ? () => later(response, script.paceMs, next) : next);
    return;
  }
  if (script.paceMs > 0) later(response, script.paceMs, next);
  else setImmediate(next);
}

function finish(playback: Playback, end: BodyPlan['end']): void {
  const { response } = playback;
  switch (end) {
    case 'finish':
      playback.ended('complete');
      response.end();
      return;
    case 'hang':
      response.flushHeaders();
      return;
    case 'reset':
      reset(playback);
      return;
    case 'cut':
      playback.ended('broken');
      // Headers alone would otherwise stay in the buffer when nothing was written.
      response.flushHeaders();
      // A FIN without the last chunk or the promised length: what a proxy that dies leaves behind.
      if (isHttp2(response)) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else response.req.socket.destroySoon();
      return;
  }
}

function isGone(response: ServerResponse): boolean {
  if (isHttp2(response)) return response.stream.destroyed;
  return response.destroyed || response.errored !== null;
}

/** Served over HTTP/2, whose response has the same methods, and a stream of its own within the connection. */
function isHttp2(response: object): response is { readonly stream: ServerHttp2Stream } {
  return 'stream' in response;
}

function reset(playback: Playback): void {
  playback.ended('broken');
  const { response } = playback;
  if (isHttp2(response)) {
    if (response.stream.session !== undefined) socketOf(response.stream.session)?.resetAndDestroy();
    return;
  }
  // The request's: a pipelined answer has no socket of its own yet.
  const { socket } = response.req;
  // Only TCP has a reset; on a unix socket the peer sees the connection vanish.
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** Timers end with their response, so that nothing outlives a client that left. */
function later(response: ServerResponse, delayMs: number, run: () => void): void {
  const timer = setTimeout(() => {
    response.off('close', cancel);
    run();
  }, delayMs);
  const cancel = () => clearTimeout(timer);
  response.once('close', cancel);
}
