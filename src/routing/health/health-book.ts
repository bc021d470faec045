import { Breaker, type BreakerState } from './breaker.ts';
import { ConcurrencyLimit, concurrencyDefaults } from './concurrency-limit.ts';
import type { LineSums } from './decayed-line.ts';
import { ErrorRate } from './error-rate.ts';
import { firstTokenUs, type LatencyLine, LatencyMeter, type LatencySums } from './latency.ts';
import { downScopes } from './scopes.ts';

/** An attempt that showed something bad about its deployment. failed: by the deployment's own doing. overloaded: it asked
 *  for patience (429, 529). slow: it did not answer in time. credential: it refuses our key (401, 403). Whatever was the
 *  client's doing is no failure. */
export interface AttemptFailure {
  readonly handle: string;
  readonly atMs: number;
  readonly kind: 'failed' | 'overloaded' | 'slow' | 'credential';
  /** It asked to be left alone for so long. */
  readonly coolMs?: number | undefined;
}

/** Attempts that were answered, added up over a moment. An answer may also be a refusal of what the client sent: it shows
 *  that the deployment works, and says nothing of its latency. */
export interface AnswerSums {
  readonly handle: string;
  readonly atMs: number;
  readonly answers: number;
  readonly latency: LatencySums;
  /** The most attempts at once that this worker had there. */
  readonly inFlight: number;
}

/** A deployment as the book is told of it. */
export interface KnownDeployment {
  readonly handle: string;
  /** Opaque ids of what it shares with others, from the narrowest: account, model at the provider, provider, domains. */
  readonly scopes: readonly string[];
  readonly concurrencyMax: number | undefined;
  /** Changes when the credential, the address or the target does; then what was learnt is forgotten. */
  readonly version: string;
}

/** What is known of one deployment at one moment; whole numbers. Keys that say nothing are absent. */
export interface HealthEntry {
  readonly handle: string;
  readonly latency?: LatencyLine;
  readonly errorPpm?: number;
  readonly concurrencyMax?: number;
  readonly breaker?: Exclude<BreakerState, 'closed'>;
  readonly coolingUntilMs?: number;
  readonly rampPermille?: number;
}

/** What is known of one deployment, for people: also what decisions do not ask for. */
export interface Diagnosis {
  readonly handle: string;
  /** What decisions are told. */
  readonly entry: HealthEntry;
  /** Of the deployment by itself; `entry.breaker` also has what it inherits from a scope that is down. */
  readonly breaker: BreakerState;
  /** undefined while its own breaker is not open. */
  readonly openUntilMs: number | undefined;
  /** The narrowest of its scopes that is down. */
  readonly downScope: string | undefined;
  readonly concurrencyMax: number;
  readonly isConcurrencyConfigured: boolean;
  /** End of its last attempt that said something; undefined before the first. */
  readonly triedAtMs: number | undefined;
}

interface Patient {
  deployment: KnownDeployment;
  readonly latency: LatencyMeter;
  readonly errors: ErrorRate;
  readonly breaker: Breaker;
  concurrency: ConcurrencyLimit;
  coolingUntilMs: number;
  triedAtMs: number;
  /** It appeared while others were at work, and gets its share bit by bit. undefined: it was there from the start. */
  readonly newSinceMs: number | undefined;
}

/** Bounds of a wait that a provider asks for: zero comes from services that do not know, and a very long one would hide
 *  a deployment that recovered. */
const coolMsMin = 250;
const coolMsMax = 300_000;
const newcomerRampMs = 60_000;
const rampPermilleMin = 50;
/** Share of its weight that a deployment gets while it is probed. */
const probingRampPermille = 200;
/** A deployment that was tried within it is a witness for its scopes. */
const recentMs = 60_000;
/** Of an ordinary request, for comparing answers to requests of different size. */
const ordinaryInputTokens = 1_000;

/** The health of every deployment of a replica. Names nobody: handles and opaque scopes. */
export class HealthBook {
  readonly #patients = new Map<string, Patient>();
  #down: ReadonlySet<string> = new Set();

  /** The deployments of the current snapshot. Those that are gone are forgotten. */
  know(deployments: readonly KnownDeployment[], atMs: number): void {
    const isFirst = this.#patients.size === 0;
    const handles = new Set(deployments.map(({ handle }) => handle));
    for (const handle of this.#patients.keys()) if (!handles.has(handle)) this.#patients.delete(handle);
    for (const deployment of deployments) {
      const patient = this.#patients.get(deployment.handle);
      if (patient === undefined) {
        this.#patients.set(deployment.handle, newPatient(deployment, isFirst ? undefined : atMs));
        continue;
      }
      if (patient.deployment.version !== deployment.version) patient.breaker.reconfigured();
      if (patient.deployment.concurrencyMax !== deployment.concurrencyMax) patient.concurrency = limitOf(deployment);
      patient.deployment = deployment;
    }
  }

  answered({ handle, atMs, answers, latency, inFlight }: AnswerSums): void {
    const patient = this.#patients.get(handle);
    // Its deployment was removed while the attempt ran.
    if (patient === undefined) return;
    patient.triedAtMs = Math.max(patient.triedAtMs, atMs);
    if (answers > 0) patient.errors.note(atMs, answers, 0);
    for (let answer = 0; answer < answers; answer += 1) patient.breaker.succeeded(atMs);
    if (latency.first.w > 0) this.#followQueue(patient, latency.first, atMs, inFlight);
    patient.latency.note(atMs, latency);
  }

  /** True when it opened a configuration breaker that was closed: somebody must look. */
  failed({ handle, atMs, kind, coolMs }: AttemptFailure): boolean {
    const patient = this.#patients.get(handle);
    if (patient === undefined) return false;
    patient.triedAtMs = Math.max(patient.triedAtMs, atMs);
    const cooling = coolingOf(coolMs);
    // A shorter wait never cuts a longer one.
    if (cooling !== undefined) patient.coolingUntilMs = Math.max(patient.coolingUntilMs, atMs + cooling);
    switch (kind) {
      case 'failed':
        patient.errors.note(atMs, 1, 1);
        patient.breaker.failed(atMs);
        return false;
      case 'slow':
        patient.errors.note(atMs, 1, 1);
        patient.breaker.failed(atMs);
        patient.concurrency.refused(atMs);
        return false;
      case 'overloaded':
        patient.concurrency.refused(atMs);
        return false;
      case 'credential': {
        const wasConfigured = patient.breaker.state(atMs) !== 'misconfigured';
        patient.breaker.refusedCredential();
        return wasConfigured;
      }
    }
  }

  /** What is known now of every deployment that anything is known of. */
  entries(atMs: number): readonly HealthEntry[] {
    this.#findDown(atMs);
    return [...this.#patients.values()]
      .map(patient => this.#entry(patient, atMs))
      .filter(entry => Object.keys(entry).length > 1);
  }

  /** Every deployment, also those that nothing is known of. */
  diagnose(atMs: number): readonly Diagnosis[] {
    this.#findDown(atMs);
    return [...this.#patients.values()].map(patient => {
      const { deployment, breaker, concurrency, triedAtMs } = patient;
      return {
        handle: deployment.handle,
        entry: this.#entry(patient, atMs),
        breaker: breaker.state(atMs),
        openUntilMs: breaker.openUntilMs(atMs),
        downScope: deployment.scopes.find(scope => this.#down.has(scope)),
        concurrencyMax: concurrency.limit,
        isConcurrencyConfigured: deployment.concurrencyMax !== undefined,
        triedAtMs: Number.isFinite(triedAtMs) ? triedAtMs : undefined,
      };
    });
  }

  #findDown(atMs: number): void {
    this.#down = downScopes(
      [...this.#patients.values()].map(({ deployment, breaker, triedAtMs }) => ({
        handle: deployment.handle,
        scopes: deployment.scopes,
        state: breaker.state(atMs),
        recent: atMs - triedAtMs < recentMs,
      })),
    );
  }

  /** As if the answers had been to requests of ordinary size, so that long prompts do not look like a queue. */
  #followQueue(patient: Patient, first: LineSums, atMs: number, inFlight: number): void {
    const meanMs = first.y / first.w;
    const before = patient.latency.line(atMs);
    const ratio =
      before === undefined
        ? 1
        : firstTokenUs(before, ordinaryInputTokens) / firstTokenUs(before, Math.round(first.x / first.w));
    patient.concurrency.answered(meanMs * ratio, inFlight);
  }

  #entry(patient: Patient, atMs: number): HealthEntry {
    const { deployment, breaker, coolingUntilMs, concurrency } = patient;
    const latency = patient.latency.line(atMs);
    const errorPpm = patient.errors.ppm(atMs);
    const own = breaker.state(atMs);
    const inherited = own === 'closed' && deployment.scopes.some(scope => this.#down.has(scope));
    const state = inherited ? 'open' : own;
    const recovering = state === 'half-open' ? probingRampPermille : breaker.rampPermille(atMs);
    const ramp = smaller(recovering, newcomerRamp(patient, atMs));
    const isLimited = deployment.concurrencyMax !== undefined || concurrency.limit < concurrencyDefaults.limitStart;
    return {
      handle: deployment.handle,
      ...(latency === undefined ? undefined : { latency }),
      ...(errorPpm === undefined ? undefined : { errorPpm }),
      ...(isLimited ? { concurrencyMax: concurrency.limit } : undefined),
      ...(state === 'closed' ? undefined : { breaker: state }),
      ...(coolingUntilMs > atMs ? { coolingUntilMs } : undefined),
      ...(ramp === undefined ? undefined : { rampPermille: ramp }),
    };
  }
}

/** How long a deployment is left alone that asked for `waitMs`; undefined when it did not say. */
export function coolingOf(waitMs: number | undefined): number | undefined {
  return waitMs === undefined || waitMs <= 0 ? undefined : Math.min(Math.max(waitMs, coolMsMin), coolMsMax);
}

function newPatient(deployment: KnownDeployment, newSinceMs: number | undefined): Patient {
  return {
    deployment,
    latency: new LatencyMeter(),
    errors: new ErrorRate(),
    breaker: new Breaker(undefined, jitterOf(deployment.handle)),
    concurrency: limitOf(deployment),
    coolingUntilMs: 0,
    triedAtMs: Number.NEGATIVE_INFINITY,
    newSinceMs,
  };
}

function limitOf({ concurrencyMax }: KnownDeployment): ConcurrencyLimit {
  return new ConcurrencyLimit({ ...concurrencyDefaults, configured: concurrencyMax });
}

function newcomerRamp({ newSinceMs }: Patient, atMs: number): number | undefined {
  if (newSinceMs === undefined) return undefined;
  const passed = Math.floor(((atMs - newSinceMs) * 1_000) / newcomerRampMs);
  return passed >= 1_000 ? undefined : Math.max(rampPermilleMin, passed);
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/** 0 to 999, always the same for a handle: handles are random. */
function jitterOf(handle: string): number {
  let sum = 0;
  for (const letter of handle) sum = (sum * 31 + letter.codePointAt(0)!) % 1_000;
  return sum;
}
