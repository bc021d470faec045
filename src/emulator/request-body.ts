import type { IncomingMessage } from 'node:http';
import type { EmulatedAnswer } from './answer.ts';

/** Collects the body; `undefined` when it is over the bound, in which case the rest is read and thrown away, so that
 *  the client can finish sending and read the refusal. */
export function collectBody(
  request: IncomingMessage,
  bytesMax: number,
  done: (body: Buffer | undefined) => void,
): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) chunks = [];
    else chunks.push(chunk);
  });
  request.on('end', () => {
    if (bytes > bytesMax) done(undefined);
    else done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  });
}

/** A request body, parsed once, with the answers already made for it. */
export interface KnownBody {
  readonly bytes: Buffer;
  /** Empty when the body names none. */
  readonly model: string;
  /** undefined when the body is not JSON. */
  readonly json: unknown;
  readonly answers: Map<string, EmulatedAnswer>;
}

const bodyBytesKeptMax = 64 * 1024;
const bodiesKeptMax = 256;
const bodiesPerLengthMax = 8;

/** Remembers recent bodies, because load tests repeat a few of them: an equal body is not parsed or answered again. */
export function createBodyReader(): (bytes: Buffer) => KnownBody {
  const byLength = new Map<number, KnownBody[]>();
  let kept = 0;

  return bytes => {
    const candidates = byLength.get(bytes.length);
    const known = candidates?.find(candidate => candidate.bytes.equals(bytes));
    if (known !== undefined) return known;
    const read = readBody(bytes);
    if (bytes.length > bodyBytesKeptMax) return read;
    if (kept >= bodiesKeptMax) {
      byLength.clear();
      kept = 0;
    }
    const list = byLength.get(bytes.length);
    if (list === undefined) byLength.set(bytes.length, [read]);
    else if (list.length < bodiesPerLengthMax) list.push(read);
    else return read;
    kept += 1;
    return read;
  };
}

function readBody(bytes: Buffer): KnownBody {
  const json = parse(bytes);
  const named = typeof json === 'object' && json !== null && 'model' in json ? json.model : undefined;
  return { bytes, model: typeof named === 'string' ? named : '', json, answers: new Map() };
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
