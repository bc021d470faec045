import type { Caller } from '../access/caller.ts';
import { actorText } from '../access/caller.ts';
import { recordAudit } from '../audit/record-audit.ts';
import { Fault } from '../completion/fault.ts';
import type { Store } from '../store/connect.ts';
import type { Call, Operation } from './operation.ts';
import type { RequestOrigin } from './request-origin.ts';

/** Does the request change something that no room tells the audit log of in its own transaction? */
export function isAsked({ access, method, recordsItself }: Operation): boolean {
  if (method === 'get' || recordsItself || access.scope === 'self' || access.scope === 'public') return false;
  // Usage that is told is a record itself: its rows are never changed, and say who told them. There may be millions.
  return !access.permission.endsWith('.read') && access.permission !== 'usage.write';
}

/** Tells the log before the work begins what was asked for: without that nothing is done. What is refused then is told,
 *  too; what breaks off in between has been asked for. */
export async function tellAsked<Answer>(
  store: Store,
  { operation, path, call, bodyText }: { operation: Operation; path: string; call: Call; bodyText: string },
  work: () => Promise<Answer>,
): Promise<Answer> {
  if (!isAsked(operation)) return work();
  const { access } = operation;
  const event = {
    ...call.author,
    organisation: organisationOf(operation, call),
    action: 'permission' in access ? access.permission : 'unknown',
    target: `request:${operation.method.toUpperCase()} ${path}`,
  };
  await recordAudit(store.db, { ...event, outcome: 'asked', after: bodyText === '' ? undefined : call.body });
  try {
    return await work();
  } catch (error) {
    // The caller is told of its error, not of this one's.
    await recordAudit(store.db, { ...event, outcome: 'refused', after: { fault: faultCode(error) } }).catch(() => {});
    throw error;
  }
}

function organisationOf({ access }: Operation, call: Call): string | null {
  if (access.scope !== 'organisation' || access.of === 'answer') return null;
  const named = access.of(call);
  const subject = 'organisation' in named ? named : named[0];
  return subject?.organisation ?? null;
}

function faultCode(error: unknown): string {
  return error instanceof Fault ? error.code : error instanceof Error ? error.name : 'unknown';
}

const minuteMs = 60_000;
/** Refused requests that one process tells of in a minute; each address once. */
const refusalsAMinuteMax = 30;

/** Requests that were refused because of who sent them. Whoever tries a thousand keys a minute fills no log with it: the next
 *  one that is told says how many were not. */
export class RefusalLog {
  readonly #store: Store;
  readonly #nowMs: () => number;
  #minute = 0;
  #told = new Set<string>();
  #untold = 0;

  constructor(store: Store, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** Never throws: a log that cannot be written is no reason to answer anything else than the refusal. */
  async tell(
    refusal: RequestOrigin & {
      readonly fault: string;
      readonly method: string;
      readonly path: string;
      readonly caller: Caller | undefined;
    },
  ): Promise<void> {
    const minute = Math.floor(this.#nowMs() / minuteMs);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#told = new Set();
    }
    const { fault, method, path, caller, requestId, address } = refusal;
    const actor = caller === undefined ? 'anonymous' : actorText(caller.actor);
    const who = `${actor} ${address ?? ''} ${fault}`;
    if (this.#told.has(who) || this.#told.size >= refusalsAMinuteMax) {
      this.#untold += 1;
      return;
    }
    this.#told.add(who);
    const untold = this.#untold;
    this.#untold = 0;
    await recordAudit(this.#store.db, {
      actor,
      organisation: null,
      action: caller === undefined ? 'requests.authenticate' : 'requests.authorise',
      target: `request:${method} ${path}`,
      outcome: 'refused',
      after: { fault, ...(untold === 0 ? {} : { moreRefusedBefore: untold }) },
      requestId,
      address,
    }).catch(() => {
      this.#untold += untold + 1;
    });
  }
}
