/** A bounded HTTP/1.1 load over keep-alive connections, one request at a time on each, with as little of its own as
 *  possible: a fixed request, answers scanned for status and end only. */
import { connect, type Socket } from 'node:net';

export interface LoadPlan {
  readonly port: number;
  readonly request: Buffer;
  readonly connections: number;
  readonly requests: number;
  /** Gives up after so long; what has not ended by then counts as failed. */
  readonly timeoutMs: number;
  /** What the first token of a stream contains; without it the first body byte counts. */
  readonly firstToken?: string;
}

export interface LoadResult {
  readonly ok: number;
  readonly failed: number;
  readonly seconds: number;
  /** Milliseconds, sorted. */
  readonly latencies: Float64Array;
  /** Milliseconds to the first body byte or token, sorted. */
  readonly firstBytes: Float64Array;
  readonly firstFailure: string | undefined;
}

export function httpRequest(path: string, headers: Record<string, string>, body: string): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const latencies = new Float64Array(plan.requests);
  const firstBytes = new Float64Array(plan.requests);
  let started = 0;
  let ended = 0;
  let ok = 0;
  let firstFailure: string | undefined;
  const sockets: Socket[] = [];
  const beganAt = performance.now();

  await new Promise<void>(resolve => {
    const giveUp = setTimeout(() => {
      firstFailure ??= 'timed out';
      resolve();
    }, plan.timeoutMs);
    const finish = (): void => {
      clearTimeout(giveUp);
      resolve();
    };
    const open = (): void => {
      const socket = connect({ host: '127.0.0.1', port: plan.port, noDelay: true });
      sockets.push(socket);
      let sentAt = 0;
      let firstAt = 0;
      let head = '';
      let bodyLeft = -1;
      let chunked = false;
      let status = 0;
      let tail = '';
      const send = (): boolean => {
        if (started >= plan.requests) return false;
        started += 1;
        head = '';
        bodyLeft = -1;
        firstAt = 0;
        tail = '';
        sentAt = performance.now();
        socket.write(plan.request);
        return true;
      };
      const done = (): void => {
        const now = performance.now();
        latencies[ended] = now - sentAt;
        firstBytes[ended] = (firstAt === 0 ? now : firstAt) - sentAt;
        ended += 1;
        if (status === 200) ok += 1;
        else firstFailure ??= `status ${status}: ${tail.slice(0, 200)}`;
        if (ended >= plan.requests) finish();
        else if (!send()) socket.end();
      };
      socket.on('connect', send);
      socket.on('data', (bytes: Buffer) => {
        let at = 0;
        if (bodyLeft === -1) {
          head += bytes.toString('latin1');
          const headEnd = head.indexOf('\r\n\r\n');
          if (headEnd < 0) return;
          at = bytes.length - (head.length - headEnd - 4);
          status = Number(head.slice(9, 12));
          const lower = head.slice(0, headEnd).toLowerCase();
          chunked = lower.includes('transfer-encoding: chunked');
          bodyLeft = chunked ? 0 : Number(/content-length: *(\d+)/.exec(lower)?.[1] ?? 0);
        }
        if (at < bytes.length && firstAt === 0) {
          if (plan.firstToken === undefined || bytes.includes(plan.firstToken, at)) firstAt = performance.now();
        }
        if (chunked) {
          tail = (tail + bytes.toString('latin1', Math.max(at, bytes.length - 300))).slice(-300);
          if (tail.endsWith('0\r\n\r\n')) done();
        } else {
          if (status !== 200) tail += bytes.toString('latin1', at);
          bodyLeft -= bytes.length - at;
          if (bodyLeft <= 0) done();
        }
      });
      socket.on('error', error => {
        firstFailure ??= error.message;
      });
      socket.on('close', () => {
        if (ended < plan.requests && started < plan.requests) open();
      });
    };
    for (let index = 0; index < Math.min(plan.connections, plan.requests); index += 1) open();
  });

  const seconds = (performance.now() - beganAt) / 1000;
  for (const socket of sockets) socket.destroy();
  return {
    ok,
    failed: plan.requests - ok,
    seconds,
    latencies: latencies.subarray(0, ended).sort(),
    firstBytes: firstBytes.subarray(0, ended).sort(),
    firstFailure,
  };
}

export function quantile(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
