/** The error class a client's SDK maps to its own exception. Each dialect has one word for each class. */
export type FaultClass =
  | 'invalid'
  | 'context'
  | 'authentication'
  | 'permission'
  | 'not_found'
  | 'too_large'
  | 'rate'
  | 'quota'
  | 'overloaded'
  | 'timeout'
  | 'upstream'
  | 'internal';

export interface FaultRow {
  readonly class: FaultClass;
  /** HTTP status for dialects that do not override their class (see each dialect's fault encoder). */
  readonly status: number;
  /** May another candidate be tried for it, while nothing has been sent to the client? */
  readonly failover: boolean;
  /** What it means, one sentence. */
  readonly meaning: string;
  /** What the reader does next, one sentence. */
  readonly recovery: string;
}

/** One row of the table in fault.ts. */
export function row(
  faultClass: FaultClass,
  status: number,
  meaning: string,
  recovery: string,
  failover = false,
): FaultRow {
  return { class: faultClass, status, failover, meaning, recovery };
}
