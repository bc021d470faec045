import { constants, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';

/** An answer on a stream of HTTP/2 that behaves as one of HTTP/1.1 does where the walk can tell. */
export class StreamResponse extends Http2ServerResponse {
  constructor(stream: ServerHttp2Stream) {
    super(stream);
    // The types know these as properties of the base class, which no accessor of a subclass may take the place of.
    Object.defineProperties(this, {
      destroyed: { get: () => stream.destroyed || stream.closed },
      // Not when the stream was broken off, which ends its writing side, too.
      writableFinished: { get: () => this.writableEnded && stream.writableFinished },
    });
  }

  /** The connection stays, unless it is told to go: then it takes no further request, and open ones are answered. */
  get shouldKeepAlive(): boolean {
    return this.stream.session?.closed === false;
  }

  set shouldKeepAlive(value: boolean) {
    if (!value) this.stream.session?.close();
  }

  override writeHead(status: number, rawHeaders: unknown): this {
    // The cast is true: the walk writes heads as node:http's raw list alone (`client-message.ts`).
    return super.writeHead(status, streamHeaders(rawHeaders as readonly string[]));
  }

  override write(chunk: Buffer): boolean {
    return this.#hasBody ? super.write(chunk) : true;
  }

  override end(chunk?: unknown): this {
    const { stream, req } = this;
    // A client that is still sending need not go on: its answer is whole (RFC 9113 §8.1).
    if (!req.complete) stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
    if (this.#hasBody && Buffer.isBuffer(chunk)) super.end(chunk);
    else super.end();
    return this;
  }

  get #hasBody(): boolean {
    return this.req.method !== 'HEAD';
  }

  /** The answer is not whole, and its client must not take it for that: an end without an error would be one. */
  override destroy(): this {
    if (!this.stream.closed) this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return this;
  }
}

/** Of the connection and not of the message, so no stream has them (RFC 9113 §8.2.2). */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
/** Names that occur once or not at all; of a provider's repetition the first counts. */
const single: ReadonlySet<string> = new Set([
  'age',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
]);

function streamHeaders(raw: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    const value = raw[index + 1]!;
    if (ofConnection.has(name)) continue;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (!single.has(name)) headers[name] = typeof before === 'string' ? [before, value] : [...before, value];
  }
  return headers;
}
