import { type OnFailure, onFailureModes } from '../../src/gateway/go-on.ts';

/** The table of what follows which fault, at which point of an answer: published as docs/reference/failover.md and held to
 *  by the matrix beside this file, cell by cell. It is written down here, not taken from the gateway. */

/** What the client has when the fault strikes. */
export const levels = ['C0', 'C1', 'C2', 'C3', 'C4', 'C5'] as const;
export type Level = (typeof levels)[number];

export const levelMeanings: Readonly<Record<Level, string>> = {
  C0: 'nothing, not even a status',
  C1: 'the status, the beginning of a message, keep-alives',
  C2: 'text',
  C3: 'reasoning',
  C4: 'a part of a tool call',
  C5: 'why the answer ended, but not its end',
};

interface FaultRow {
  readonly what: string;
  /** before: there is no answer at all. inside: its stream goes wrong. call: inside a tool call. */
  readonly where: 'before' | 'inside' | 'call';
  /** Can a whole answer (`stream: false`) show it? */
  readonly whole: boolean;
  /** What the health of the deployment is told, whoever it is: docs/guides/routing.md. */
  readonly health: 'failed' | 'slow' | 'overloaded' | 'answered';
}

export const faults = {
  refused: { what: 'the connection is refused', where: 'before', whole: true, health: 'failed' },
  'tls-reset': { what: 'the connection is reset in the TLS handshake', where: 'before', whole: true, health: 'failed' },
  'status-500': { what: 'status 500', where: 'before', whole: true, health: 'failed' },
  'status-503': { what: 'status 503 with `Retry-After` as a date', where: 'before', whole: true, health: 'overloaded' },
  'status-429': { what: 'status 429 with `retry-after-ms`', where: 'before', whole: true, health: 'overloaded' },
  'status-529': { what: 'status 529', where: 'before', whole: true, health: 'overloaded' },
  'slow-start': { what: 'no byte until the deadline', where: 'before', whole: true, health: 'slow' },
  stall: { what: 'silence until the deadline', where: 'inside', whole: true, health: 'slow' },
  truncated: { what: 'the end without the terminal event', where: 'inside', whole: true, health: 'failed' },
  'invalid-json': { what: 'an event that is no JSON', where: 'inside', whole: true, health: 'failed' },
  duplicate: { what: 'an event sent twice', where: 'inside', whole: false, health: 'answered' },
  'error-event': { what: 'an error event in a 200', where: 'inside', whole: true, health: 'failed' },
  'half-call': { what: 'the end inside a tool call', where: 'call', whole: false, health: 'failed' },
} as const satisfies Readonly<Record<string, FaultRow>>;
export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[]; // The cast is true: they are its own keys.

/** answered: the next candidate's answer, and nothing shows that another was asked. restarted: a notice, then its whole
 *  answer. continued: a notice, then the rest of the text. error: one error event at the end. passed: what the provider
 *  sent, to its end. impossible: the request is refused before anything is sent. */
export type Outcome = 'answered' | 'restarted' | 'continued' | 'error' | 'passed' | 'impossible';

export interface Place {
  readonly fault: FaultName;
  readonly level: Level;
  readonly mode: OnFailure;
  /** Does the client speak another dialect than the provider that fails? */
  readonly across: boolean;
}

/** undefined: the fault cannot strike there. */
export function expected({ fault, level, mode, across }: Place): Outcome | undefined {
  const { where } = faults[fault];
  if (where === 'before' && level !== 'C0') return undefined;
  if (where === 'call' && level !== 'C4') return undefined;
  // Requests that ask for reasoning or define tools cannot be gone on with.
  if (mode === 'continue' && (level === 'C3' || level === 'C4')) return 'impossible';
  // Events have no numbers by which one that comes twice could be told from one that says the same again.
  if (fault === 'duplicate') return 'passed';
  if (level === 'C0' || level === 'C1') return 'answered';
  // Within a dialect bytes pass as they are, unless the client asked for more than that.
  // The last event of all is the end: one that cannot be read is none.
  if (fault === 'invalid-json' && mode === 'error' && !across && level !== 'C5') return 'passed';
  return afterContent(level, mode, across);
}

function afterContent(level: Level, mode: OnFailure, across: boolean): Outcome {
  if (mode === 'error' || level === 'C4') return 'error';
  // Across dialects the reason for the end is written with the end.
  if (level === 'C5' && !across) return 'error';
  return mode === 'restart' ? 'restarted' : 'continued';
}

/** What the health of the deployment that fails is told of it. What passes is an answer like any other. */
export function healthOf(place: Place): FaultRow['health'] | undefined {
  const outcome = expected(place);
  if (outcome === undefined || outcome === 'impossible') return undefined;
  return outcome === 'passed' ? 'answered' : faults[place.fault].health;
}

/** What the table says of a cell, for all modes and both ways. */
export function cellText(fault: FaultName, level: Level): string {
  const said = onFailureModes.map(mode => {
    const within = expected({ fault, level, mode, across: false });
    const across = expected({ fault, level, mode, across: true });
    if (within === undefined) return '–';
    return within === across ? within : `${within} (across: ${across})`;
  });
  const [error, restart, goOn] = said;
  if (error === restart && error === goOn) return error!;
  return `${error} · ${restart} · ${goOn}`;
}
