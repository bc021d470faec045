import { fstatSync, write, writeSync } from 'node:fs';

/** Lines wait for so many bytes, or so long, before they are written together. */
const batchBytes = 4_096;
const batchMs = 200;
/** Several processes write to one pipe; up to PIPE_BUF bytes at once never mingle with another's. */
const pipeWriteBytesMax = 4_096;
/** A reader that is slower than this makes lines be dropped, never the writer wait. */
const waitingBytesMax = 16 * 1024 * 1024;
/** A pipe that takes nothing is tried again after so long. */
const retryMs = 20;
/** How long an end waits for a reader that takes nothing. */
const closeTimeoutMs = 500;

/** Writes lines to a file descriptor without ever waiting for it, and without minding when its other end is gone: a closed
 *  terminal must end no process that serves, and keep none from ending. (pino's own destination waits for ever in its
 *  last flush when the terminal was closed: any error but EAGAIN is repeated without end, sonic-boom 4, 2026-11.) */
export class LineWriter {
  readonly #descriptor: number;
  readonly #writeBytesMax: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing = false;
  #broken = false;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void) | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.#writeBytesMax = isPipe(descriptor) ? pipeWriteBytesMax : Number.POSITIVE_INFINITY;
  }

  /** `line` ends with a line feed. */
  write(line: string): void {
    if (this.#broken || this.#waitingBytes > waitingBytesMax) return;
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (this.#writing) return;
    if (this.#waitingBytes >= batchBytes) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), batchMs).unref();
  }

  /** Writes what waits, if its reader takes it soon. */
  async close(): Promise<void> {
    this.#flush();
    if (!this.#writing) return;
    await new Promise<void>(resolve => {
      this.#idle = resolve;
      setTimeout(resolve, closeTimeoutMs);
    });
  }

  /** One attempt; for a process that is about to break. */
  flushNow(): void {
    try {
      while (this.#waiting.length > 0) writeSync(this.#descriptor, this.#take());
    } catch {
      // There is nobody to tell.
    }
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing || this.#waiting.length === 0) return;
    this.#writing = true;
    this.#write(this.#take());
  }

  /** Whole lines, as many as may be written at once, but at least one. */
  #take(): Buffer {
    let count = 0;
    let bytes = 0;
    for (const line of this.#waiting) {
      // UTF-16 units undercount what is not ASCII: names of models at most, and then only the bound is a little off.
      if (count > 0 && bytes + line.length > this.#writeBytesMax) break;
      bytes += line.length;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return Buffer.from(this.#waiting.splice(0, count).join(''));
  }

  #write(bytes: Buffer): void {
    write(this.#descriptor, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#write(bytes), retryMs).unref();
        return;
      }
      if (error !== null && error !== undefined) this.#broken = true;
      else if (written < bytes.length) {
        this.#write(bytes.subarray(written));
        return;
      }
      this.#writing = false;
      if (this.#waitingBytes > 0 && !this.#broken) this.#flush();
      else this.#idle?.();
    });
  }
}

function isPipe(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFIFO();
  } catch {
    return false;
  }
}
