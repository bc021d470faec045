import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths } from './paths.ts';

export type Schemas = components['schemas'];
export type Problem = Schemas['Problem'];

/** What the management API said no with: a problem (RFC 9457), or that nobody answered. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly problem: Problem | undefined;

  constructor(status: number, problem: Problem | undefined) {
    super(problem?.detail ?? (status === 0 ? 'The server does not answer.' : `The server answered ${status}.`));
    this.name = 'ApiError';
    this.status = status;
    this.code = problem?.code ?? (status === 0 ? 'unreachable' : `http_${status}`);
    this.problem = problem;
  }
}

/** Proves that a change comes from a page of ours; told by the server at login, kept in memory only. */
let csrf: string | undefined;
export function keepCsrf(token: string | null | undefined): void {
  csrf = token ?? undefined;
}

const proof: Middleware = {
  onRequest({ request }) {
    if (csrf !== undefined && request.method !== 'GET') request.headers.set('x-carrier-csrf', csrf);
    return request;
  },
};

export const api = createClient<paths>({ credentials: 'same-origin' });
api.use(proof);

interface Answered<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/** The answer of a call, or its problem thrown. */
export async function ask<T>(call: Promise<Answered<T>>): Promise<NonNullable<T>> {
  let answered: Answered<T>;
  try {
    answered = await call;
  } catch {
    throw new ApiError(0, undefined);
  }
  const { data, error, response } = answered;
  if (response.ok && data !== undefined && data !== null) return data;
  throw new ApiError(response.status, isProblem(error) ? error : undefined);
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'detail' in value && 'code' in value;
}
