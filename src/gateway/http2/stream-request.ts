import type { IncomingHttpHeaders } from 'node:http';
import { type IncomingHttpHeaders as Http2Headers, Http2ServerRequest, type ServerHttp2Stream } from 'node:http2';
import type { ReadableOptions } from 'node:stream';

/** A request of HTTP/2 as one of HTTP/1.1 looks: `host` in the place of `:authority`, and no other pseudo-header. */
export class StreamRequest extends Http2ServerRequest {
  constructor(
    stream: ServerHttp2Stream,
    headers: Http2Headers,
    options: ReadableOptions,
    rawHeaders: readonly string[],
  ) {
    super(stream, headers, options, rawHeaders);
    let isWhole = stream.endAfterHeaders;
    // A stream that its client resets ends, too; by then it is marked as aborted.
    stream.prependListener('end', () => {
      if (!stream.aborted) isWhole = true;
    });
    const authority = headers[':authority'];
    // The types know these as properties of the base class, which no accessor of a subclass may take the place of.
    Object.defineProperties(this, {
      method: { value: headers[':method'] },
      url: { value: headers[':path'] ?? '/' },
      headers: { value: plainHeaders(headers, authority) },
      rawHeaders: { value: plainRawHeaders(rawHeaders, authority) },
      // All of it came. The base class says so of one that was broken off, too.
      complete: { get: () => isWhole },
    });
  }
}

function plainHeaders(headers: Http2Headers, authority: string | undefined): IncomingHttpHeaders {
  const plain: IncomingHttpHeaders = {};
  for (const name in headers) if (!name.startsWith(':')) plain[name] = headers[name];
  if (authority !== undefined) plain.host ??= authority;
  return plain;
}

/** Two hosts that differ both stay: the edge refuses them as it does of HTTP/1.1. */
function plainRawHeaders(raw: readonly string[], authority: string | undefined): string[] {
  const plain = authority === undefined ? [] : ['host', authority];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    const isRepeated = name === 'host' && raw[index + 1] === authority;
    if (!name.startsWith(':') && !isRepeated) plain.push(name, raw[index + 1]!);
  }
  return plain;
}
