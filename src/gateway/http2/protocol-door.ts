import type { Socket } from 'node:net';
import { type Deadlines, notWatched, type Watched } from '../deadlines.ts';

/** What a client of HTTP/2 begins with (RFC 9113 §3.4). No request of HTTP/1.1 does. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export interface DoorWays {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
  /** It said too little for too long. */
  readonly late: (socket: Socket) => void;
  readonly lateMs: number;
  readonly deadlines: Deadlines;
}

/** Looks at the first bytes of a connection that is not encrypted, and gives it, bytes and all, to who understands them. */
export function watchDoor(socket: Socket, ways: DoorWays): void {
  new ProtocolDoor(socket, ways);
}

class ProtocolDoor implements Watched {
  watchedAt = notWatched;
  readonly #socket: Socket;
  readonly #ways: DoorWays;
  readonly #openedAtMs: number;
  #seen: Buffer | undefined;

  constructor(socket: Socket, ways: DoorWays) {
    this.#socket = socket;
    this.#ways = ways;
    this.#openedAtMs = ways.deadlines.now();
    ways.deadlines.watch(this);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', ignore);
    socket.on('close', this.#leave);
  }

  checkDeadlines(nowMs: number): void {
    if (nowMs - this.#openedAtMs < this.#ways.lateMs) return;
    this.#leave();
    this.#ways.late(this.#socket);
  }

  readonly #onData = (chunk: Buffer): void => {
    const seen = this.#seen === undefined ? chunk : Buffer.concat([this.#seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const isLike = seen.compare(preface, 0, length, 0, length) === 0;
    if (isLike && length < preface.length) {
      this.#seen = seen;
      return;
    }
    this.#pass(isLike ? this.#ways.http2 : this.#ways.http1, seen);
  };

  /** What there is may still be a request line that was broken off; the parser of HTTP/1.1 says so. */
  readonly #onEnd = (): void => {
    if (this.#seen === undefined) {
      this.#leave();
      this.#socket.end();
    } else this.#pass(this.#ways.http1, this.#seen);
  };

  #pass(way: (socket: Socket) => void, seen: Buffer): void {
    const socket = this.#socket;
    this.#leave();
    // What was seen is read once more, before whatever comes next. Who takes the socket begins to read it again.
    socket.pause();
    socket.unshift(seen);
    way(socket);
    socket.off('error', ignore);
  }

  readonly #leave = (): void => {
    this.#ways.deadlines.unwatch(this);
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#leave);
  };
}

/** `close` follows. Without a listener an error would end the process. */
function ignore(): void {}
