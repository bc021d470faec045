import { Agent, request } from 'node:http';

export interface BytesSent {
  readonly path: string;
  /** Pieces go chunked, without a length. */
  readonly body: Buffer | string | readonly Buffer[];
  /** Nothing is added but the length and the host. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface BytesAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Did the message end as HTTP says it should? */
  readonly ended: boolean;
}

const agent = new Agent({ keepAlive: true });
/** Nothing on loopback takes longer; a test that waits for more has failed. */
const answerMsMax = 30_000;

/** Posts exactly these bytes and gives exactly the bytes of the answer: no decoding, no retries, no headers of a client
 *  library. Rejects when no answer begins. */
export function sendBytes(url: string, sent: BytesSent): Promise<BytesAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        hostname,
        port,
        method: 'POST',
        path: sent.path,
        headers: { ...sent.headers, ...framing(sent.body) },
        timeout: answerMsMax,
      },
      answer => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', () => {});
        answer.on('close', () =>
          resolve({
            status: answer.statusCode!,
            headers: answer.headers,
            body: Buffer.concat(chunks),
            ended: answer.complete,
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerMsMax} ms`)));
    outgoing.on('error', reject);
    if (!isPieces(sent.body)) {
      outgoing.end(sent.body);
      return;
    }
    for (const piece of sent.body) outgoing.write(piece);
    outgoing.end();
  });
}

function framing(body: BytesSent['body']): Record<string, string> {
  if (isPieces(body)) return { 'transfer-encoding': 'chunked' };
  return { 'content-length': String(Buffer.byteLength(body)) };
}

function isPieces(body: BytesSent['body']): body is readonly Buffer[] {
  return Array.isArray(body);
}
