import { type ClientRequest, type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { LookupFunction } from 'node:net';
import { pipeline, type Readable, type Transform } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { isImageType, pdfType, plainMediaType, typeOfBytes } from '../dialects/media-type.ts';
import type { AddressPolicy } from './address-policy.ts';
import { type Destination, findDestination, type Resolve } from './destination.ts';
import { FetchRefusal, NoRoomForMedia } from './fetch-refusal.ts';

/** One file of a carried type. */
export interface FetchedFile {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface FetchSurroundings {
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  /** Authorities that are trusted; the runtime's own unless said. */
  readonly secureContext: () => SecureContext | undefined;
  /** Is the host asked without the outbound proxy? */
  readonly isDirect: (url: URL) => boolean;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes of each piece before it is kept; throws when they are too many. */
  readonly take: (bytes: number) => void;
}

/** Of one file, as it is once unpacked. */
export const fileBytesMax = 20 * 1024 * 1024;
const redirectsMax = 3;
const headerBytesMax = 16 * 1024;

/** Fetches one file, following redirects, each checked like the first address. Throws FetchRefusal, or what the signal
 *  was aborted with. */
export async function fetchMedia(
  address: string,
  surroundings: FetchSurroundings,
  options: FetchOptions,
): Promise<FetchedFile> {
  let url = new URL(address);
  for (let redirects = 0; ; redirects += 1) {
    const response = await ask(url, surroundings, options.signal);
    try {
      const next = redirectOf(response, url);
      if (next === undefined) return await readFile(response, options);
      if (redirects === redirectsMax) throw new FetchRefusal(`it redirects more than ${redirectsMax} times`);
      url = next;
    } catch (error) {
      throw refusalOf(error, options.signal);
    } finally {
      response.destroy();
    }
  }
}

async function ask(url: URL, surroundings: FetchSurroundings, signal: AbortSignal): Promise<IncomingMessage> {
  signal.throwIfAborted();
  if (!surroundings.isDirect(url)) {
    throw new FetchRefusal('addresses cannot be checked behind the outbound proxy; NO_PROXY may name the host');
  }
  try {
    const destination = await findDestination(url, surroundings.policy, surroundings.resolve, signal);
    return await send(destination, surroundings, signal);
  } catch (error) {
    throw refusalOf(error, signal);
  }
}

function send(
  destination: Destination,
  surroundings: FetchSurroundings,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { url } = destination;
  const options: RequestOptions = {
    method: 'GET',
    // A connection of its own: none that was opened for another name is used again.
    agent: false,
    signal,
    lookup: lookupOf(destination),
    maxHeaderSize: headerBytesMax,
    headers: { accept: 'image/*, application/pdf', 'accept-encoding': 'identity', 'user-agent': 'common-carrier' },
  };
  return new Promise((resolve, reject) => {
    const sent: ClientRequest =
      url.protocol === 'https:' ? requestTls(url, secured(options, surroundings)) : requestPlain(url, options);
    sent.on('socket', socket => {
      const check = () => {
        if (surroundings.policy.judge(socket.remoteAddress ?? '') !== undefined) return;
        sent.destroy(new FetchRefusal('its host is not at a public address'));
      };
      if (socket.connecting) socket.once('connect', check);
      else check();
    });
    sent.on('response', resolve);
    sent.on('upgrade', () => sent.destroy(new FetchRefusal('the server answered with another protocol')));
    sent.on('error', reject);
    sent.end();
  });
}

function secured(options: RequestOptions, { secureContext }: FetchSurroundings): RequestOptions {
  const context = secureContext();
  return context === undefined ? options : Object.assign({ ...options }, { secureContext: context });
}

/** Gives the addresses that were checked, whatever the name resolves to by now. */
function lookupOf({ addresses }: Destination): LookupFunction {
  return (_hostname, options, callback) => {
    const first = addresses[0]!; // findDestination gives one or more.
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** undefined: it is the file. */
function redirectOf(response: IncomingMessage, url: URL): URL | undefined {
  const status = response.statusCode ?? 0;
  if (status === 200) return undefined;
  if (!redirectStatuses.has(status)) throw new FetchRefusal(`the server answered with status ${status}`);
  const { location } = response.headers;
  if (location === undefined || !URL.canParse(location, url.href)) {
    throw new FetchRefusal('the server redirects without saying where');
  }
  const next = new URL(location, url);
  if (url.protocol === 'https:' && next.protocol !== 'https:') {
    throw new FetchRefusal('the server redirects from https to something else');
  }
  return next;
}

async function readFile(response: IncomingMessage, options: FetchOptions): Promise<FetchedFile> {
  const declared = plainMediaType(response.headers['content-type']);
  if (declared !== undefined && !isCarried(declared) && !saysNothing.has(declared)) {
    throw new FetchRefusal('the server declares neither an image (PNG, JPEG, GIF, WebP) nor a PDF');
  }
  if (Number(response.headers['content-length'] ?? 0) > fileBytesMax) throw tooLarge();
  const bytes = await readBytes(unpacked(response), options);
  const mediaType = typeOfBytes(bytes);
  if (mediaType === undefined) {
    throw new FetchRefusal('it is neither an image (PNG, JPEG, GIF, WebP) nor a PDF by its first bytes');
  }
  if (declared !== undefined && isCarried(declared) && declared !== mediaType) {
    throw new FetchRefusal('its first bytes are of another type than the server declares');
  }
  return { mediaType, bytes };
}

const saysNothing: ReadonlySet<string> = new Set(['application/octet-stream', 'binary/octet-stream']);

function isCarried(type: string): boolean {
  return isImageType(type) || type === pdfType;
}

async function readBytes(body: Readable, { take }: FetchOptions): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > fileBytesMax) throw tooLarge();
    take(piece.length);
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
}

/** Identity is asked for; some servers pack nevertheless. */
function unpacked(response: IncomingMessage): Readable {
  const coding = response.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (coding === 'identity' || coding === '') return response;
  const unpack = unpackers[coding];
  if (unpack === undefined) throw new FetchRefusal('the server packs it in a way that was not asked for');
  // What breaks on either side ends the reader of the last stream with that error.
  return pipeline(response, unpack(), () => {});
}

const unpackers: Readonly<Record<string, (() => Transform) | undefined>> = {
  __proto__: null as never,
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

function tooLarge(): FetchRefusal {
  return new FetchRefusal(`it is over ${fileBytesMax} bytes`);
}

/** Sockets, resolvers and unpackers fail in many ways, each with a code; a client learns that they did, not how its
 *  address is reached. */
function refusalOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof FetchRefusal || error instanceof NoRoomForMedia) return error;
  if (!(error instanceof Error && 'code' in error)) return error;
  return new FetchRefusal('the server cannot be reached or broke off', { cause: error });
}
