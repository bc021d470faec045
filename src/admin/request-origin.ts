import type { Context } from 'hono';

/** Where a request came from, as the server saw it: nothing that its sender wrote. */
export interface RequestOrigin {
  readonly requestId?: string | undefined;
  readonly address?: string | undefined;
  /** Did it come over TLS, as far as we ended it? */
  readonly secure?: boolean | undefined;
}

/** Whether the answer may carry cookies that go back over TLS only. */
export function isSecureOrigin(context: Context): boolean {
  return ((context.env ?? {}) as RequestOrigin).secure === true; // as below
}

/** Given to the app by whoever listens, beside the request; absent where nobody listened. */
export function originOf(context: Context): RequestOrigin {
  const { requestId, address } = (context.env ?? {}) as RequestOrigin; // process/admin-server.ts gives nothing else
  return { requestId, address };
}
