import type pg from 'pg';

/** COPY over the connection that pg has, both ways. pg itself stops at "no source stream defined"; the usual companion
 *  package hands every chunk through Node streams, which shipping (one buffer a table) does not need. */

/** Runs `copy … from stdin` with everything in memory and resolves once the server has taken it. */
export function copyIn(client: pg.ClientBase, sql: string, content: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    submit(
      client,
      new CopyQuery(sql, {
        onReady: connection => {
          connection.sendCopyFromChunk(typeof content === 'string' ? Buffer.from(content) : content);
          connection.endCopyFrom();
        },
        onDone: error => (error === undefined ? resolve() : reject(error)),
      }),
    );
  });
}

/** Runs `copy … from stdin` with chunks as they come; waits when the socket is full, so memory stays bounded. A source
 *  that throws makes the server forget the whole copy, and its error is the caller's. */
export function copyInStream(client: pg.ClientBase, sql: string, source: AsyncIterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    let sourceError: unknown;
    let over = false;
    const send = async (connection: CopyConnection) => {
      try {
        for await (const chunk of source) {
          if (over) return;
          connection.sendCopyFromChunk(chunk);
          if (connection.stream.writableNeedDrain) await drained(connection.stream);
        }
        connection.endCopyFrom();
      } catch (error) {
        sourceError = error;
        connection.sendCopyFail('the source failed');
      }
    };
    submit(
      client,
      new CopyQuery(sql, {
        onReady: connection => void send(connection),
        onDone: error => {
          over = true;
          if (error === undefined) resolve();
          else reject(sourceError ?? error);
        },
      }),
    );
  });
}

/** Chunks waiting for the reader of copyOut; above it the socket is paused. */
const chunksWaitingMax = 64;

/** Runs `copy … to stdout` and gives the chunks (one a row). Leaving the loop early is not supported: read to the end. */
export async function* copyOut(client: pg.ClientBase, sql: string): AsyncGenerator<Buffer, void, void> {
  const waiting: Buffer[] = [];
  let finished = false;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  let paused: CopyConnection | undefined;
  submit(
    client,
    new CopyQuery(sql, {
      onChunk: (chunk, connection) => {
        waiting.push(chunk);
        if (waiting.length >= chunksWaitingMax && paused === undefined) {
          paused = connection;
          connection.stream.pause();
        }
        wake?.();
      },
      onDone: error => {
        finished = true;
        failure = error;
        wake?.();
      },
    }),
  );
  for (;;) {
    for (const chunk of waiting.splice(0)) yield chunk;
    if (waiting.length > 0) continue;
    if (paused !== undefined) {
      const { stream } = paused;
      paused = undefined;
      stream.resume();
    }
    if (failure !== undefined) throw failure;
    if (finished) return;
    await new Promise<void>(resolve => {
      wake = resolve;
    });
    wake = undefined;
  }
}

/** What we use of pg's internal connection; the same that pg's own query class uses. */
interface CopyConnection {
  readonly stream: NodeJS.WritableStream & {
    readonly writableNeedDrain: boolean;
    pause(): void;
    resume(): void;
    destroyed?: boolean;
  };
  query(sql: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

interface CopySteps {
  readonly onReady?: (connection: CopyConnection) => void;
  readonly onChunk?: (chunk: Buffer, connection: CopyConnection) => void;
  readonly onDone: (error: Error | undefined) => void;
}

/** A pg "submittable": pg calls these methods as the server's messages come in. */
class CopyQuery {
  readonly #sql: string;
  readonly #steps: CopySteps;
  #done = false;
  /** pg wraps it, so it must exist. */
  callback: ((error?: Error) => void) | undefined = undefined;

  constructor(sql: string, steps: CopySteps) {
    this.#sql = sql;
    this.#steps = steps;
  }
  submit(connection: CopyConnection): void {
    connection.query(this.#sql);
  }
  handleCopyInResponse(connection: CopyConnection): void {
    if (this.#steps.onReady === undefined) connection.sendCopyFail('not a copy from stdin');
    else this.#steps.onReady(connection);
  }
  handleCopyData(message: { readonly chunk: Buffer }, connection: CopyConnection): void {
    // The parser reuses its buffer.
    this.#steps.onChunk?.(Buffer.from(message.chunk), connection);
  }
  /** pg forgets a failed query at once: no handleReadyForQuery follows. */
  handleError(error: Error): void {
    this.#finish(error);
  }
  handleReadyForQuery(): void {
    this.#finish(undefined);
  }
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCommandComplete(): void {}

  #finish(error: Error | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#steps.onDone(error);
  }
}

function submit(client: pg.ClientBase, query: CopyQuery): void {
  // pg accepts anything with these methods; its types know only the first of them.
  client.query(query as unknown as pg.Submittable);
}

function drained(stream: CopyConnection['stream']): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void) => () => {
      stream.removeListener('drain', onDrain);
      stream.removeListener('close', onClose);
      action();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(new Error('the connection closed during a copy')));
    stream.on('drain', onDrain);
    stream.on('close', onClose);
  });
}
