import { Fault, faults } from '../completion/fault.ts';
import { ConfigurationError, type Problem } from '../config/problem.ts';

/** RFC 9457. `errors` are those of a configuration, complete. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly recovery: string;
  readonly errors?: readonly Problem[];
}

/** A fault as a problem. What has no name is `internal`, and the caller of this reports it to the log. */
export function toProblem(error: unknown): ProblemDocument {
  if (error instanceof ConfigurationError) {
    const notAvailable = error.problems.every(problem => problem.code === 'setting_not_available');
    const code = notAvailable ? 'setting_not_available' : 'configuration_invalid';
    return { ...document(new Fault(code, error.message)), errors: error.problems };
  }
  if (error instanceof Fault) return document(error);
  if (isDatabaseGone(error)) return document(new Fault('store_unavailable'));
  return document(new Fault('internal', 'Something broke that should not; the log has more.'));
}

export function problemResponse(problem: ProblemDocument, extra: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'x-carrier-fault': problem.code,
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer realm="common-carrier"' } : {}),
      ...(problem.status === 503 ? { 'retry-after': '2' } : {}),
      ...extra,
    },
  });
}

function document(fault: Fault): ProblemDocument {
  return {
    type: `urn:common-carrier:fault:${fault.code}`,
    title: faults[fault.code].meaning,
    status: fault.status,
    detail: fault.message,
    code: fault.code,
    recovery: faults[fault.code].recovery,
  };
}

const systemCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
]);

/** Connection lost or refused: by the system, by Postgres (classes 08 and 57P), or by the pool's own wait. */
function isDatabaseGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (systemCodes.has(code) || /^(08|57P)/.test(code)) return true;
  return /^(timeout exceeded when trying to connect|Connection terminated)/.test(error.message);
}
