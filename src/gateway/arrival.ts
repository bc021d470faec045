import type { Dialect, PathFacts } from '../dialects/dialect.ts';
import type { ClientRequest, ClientResponse } from './client-message.ts';
import type { ClientConnection } from './connections.ts';

/** One request as it came in, before anything is known of it but where it goes. */
export interface Arrival {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The same instant on the monotonic clock. */
  readonly startedMs: number;
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly path: string;
  /** After the question mark, without it; may hold a key, so it is never logged. */
  readonly query: string;
  readonly connection: ClientConnection;
  /** The dialect of the path; undefined where it has none. */
  readonly dialect: Dialect | undefined;
  /** What its path says beside the dialect, where that has the model in the path. */
  named: PathFacts | undefined;
  /** Its body, where that was read to know who calls. */
  body: Buffer | undefined;
}
