import type { Hash } from 'node:crypto';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import { Fault } from '../completion/fault.ts';
import type { Arrival } from './arrival.ts';
import type { ClientRequest } from './client-message.ts';
import type { ClientConnection } from './connections.ts';
import { type Deadlines, notWatched, type Watched } from './deadlines.ts';
import type { GatewayState } from './gateway.ts';
import type { DataPlaneLimits } from './settings.ts';

/** The whole request body, decompressed, in one Buffer. Rejects with Fault: `media_type_unsupported`,
 *  `content_coding_unsupported`, `body_too_large`, `request_timeout`, `client_aborted`, `parameter_invalid`.
 *  What the headers alone can refuse is refused before a byte is asked for. `digest` is told of the bytes as they came. */
export function readBody(
  arrival: Pick<Arrival, 'request' | 'response' | 'connection' | 'body'>,
  { settings, deadlines }: Pick<GatewayState, 'settings' | 'deadlines'>,
  digest?: Hash,
): Promise<Buffer> {
  // Read before, to know who calls.
  if (arrival.body !== undefined) return Promise.resolve(arrival.body);
  const { request, response, connection } = arrival;
  const { limits } = settings;
  const { headers } = request;
  const type = headers['content-type'];
  if (type !== 'application/json' && !jsonType.test(type ?? '')) throw new Fault('media_type_unsupported');
  const coding = headers['content-encoding'];
  const decompress = coding === undefined || coding === 'identity' ? undefined : decompressor(coding);
  if (Number(headers['content-length'] ?? 0) > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax);
  if (headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve, reject) => {
    new BodyReader({ request, connection, limits, deadlines, decompress, digest }, resolve, reject);
  });
}

/** OpenAI's and Anthropic's APIs take JSON alone; other charsets than UTF-8 are not JSON on the wire (RFC 8259 §8.1). */
const jsonType = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i;

interface BodySource {
  readonly request: ClientRequest;
  readonly connection: ClientConnection;
  readonly limits: DataPlaneLimits;
  readonly deadlines: Deadlines;
  readonly decompress: Transform | undefined;
  readonly digest: Hash | undefined;
}

class BodyReader implements Watched {
  watchedAt = notWatched;
  readonly #source: BodySource;
  readonly #resolve: (body: Buffer) => void;
  readonly #reject: (fault: Fault) => void;
  readonly #chunks: Buffer[] = [];
  #receivedBytes = 0;
  #bytes = 0;
  readonly #begunAtMs: number;
  #lastAtMs: number;
  #done = false;

  constructor(source: BodySource, resolve: (body: Buffer) => void, reject: (fault: Fault) => void) {
    this.#source = source;
    this.#resolve = resolve;
    this.#reject = reject;
    const { request, connection, deadlines, decompress } = source;
    this.#begunAtMs = deadlines.nowMs;
    this.#lastAtMs = deadlines.nowMs;
    connection.failBody = this.#failFraming;
    deadlines.watch(this);
    request.on('data', this.#onData);
    request.on('end', this.#onEnd);
    request.on('close', this.#onClose);
    if (decompress !== undefined) {
      decompress.on('data', this.#onDecompressed);
      decompress.on('end', this.#finish);
      decompress.on('drain', () => request.resume());
      decompress.on('error', () => {
        this.#fail(new Fault('parameter_invalid', 'The body is not what its content-encoding says.'));
      });
    }
  }

  checkDeadlines(nowMs: number): void {
    // A client that is not read, because what it sent is still to be unpacked, is not the slow one.
    if (this.#source.decompress?.writableNeedDrain === true) {
      this.#lastAtMs = nowMs;
      return;
    }
    const isIdle = nowMs - this.#lastAtMs >= this.#source.limits.bodyIdleTimeoutMs;
    // Whoever drips is never idle.
    if (isIdle || nowMs - this.#begunAtMs >= bodyMsMax) this.#fail(new Fault('request_timeout'));
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#lastAtMs = this.#source.deadlines.nowMs;
    this.#receivedBytes += chunk.length;
    this.#source.digest?.update(chunk);
    const { bodyBytesMax } = this.#source.limits;
    if (this.#receivedBytes > bodyBytesMax) {
      this.#fail(tooLarge(bodyBytesMax));
      return;
    }
    if (this.#source.decompress === undefined) this.#chunks.push(chunk);
    else if (!this.#source.decompress.write(chunk)) this.#source.request.pause();
  };

  readonly #onEnd = (): void => {
    const { request, decompress, deadlines } = this.#source;
    // A stream of HTTP/2 that its client gave up ends as one that came whole does.
    if (!request.complete) {
      this.#fail(new Fault('client_aborted'));
      return;
    }
    if (decompress === undefined) {
      this.#finish();
      return;
    }
    // All of it came. What is left is ours to do, bounded in bytes.
    deadlines.unwatch(this);
    decompress.end();
  };

  readonly #onDecompressed = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    const { bodyBytesMax, decompressionRatioMax } = this.#source.limits;
    if (this.#bytes > bodyBytesMax) {
      this.#fail(tooLarge(bodyBytesMax));
      return;
    }
    if (this.#bytes > ratioFloorBytes && this.#bytes > this.#receivedBytes * decompressionRatioMax) {
      this.#fail(new Fault('body_too_large', `The body grows more than ${decompressionRatioMax} times unpacked.`));
    }
  };

  /** The request closed before its end: nobody is left to answer. */
  readonly #onClose = (): void => {
    if (!this.#source.request.complete) this.#fail(new Fault('client_aborted'));
  };

  readonly #finish = (): void => {
    if (this.#done) return;
    this.#leave();
    this.#resolve(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks));
  };

  readonly #failFraming = (fault: Fault): boolean => {
    if (this.#source.request.complete) return false;
    this.#fail(fault);
    return true;
  };

  readonly #fail = (fault: Fault): void => {
    if (this.#done) return;
    this.#leave();
    this.#source.request.pause();
    this.#reject(fault);
  };

  #leave(): void {
    this.#done = true;
    const { request, connection, deadlines, decompress } = this.#source;
    deadlines.unwatch(this);
    connection.failBody = undefined;
    request.off('data', this.#onData);
    request.off('end', this.#onEnd);
    request.off('close', this.#onClose);
    // A decompressor that failed half-way must not go on unpacking a bomb.
    decompress?.destroy();
  }
}

/** A whole body, however slowly it comes. */
const bodyMsMax = 300_000;
/** Small bodies of repeated text honestly pack better than any ratio that stops a bomb. */
const ratioFloorBytes = 1024 * 1024;

function decompressor(coding: string): Transform {
  switch (coding.toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      throw new Fault('content_coding_unsupported');
  }
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('body_too_large', `The body is over ${bytesMax} bytes.`);
}
