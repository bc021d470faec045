import { Breaker, type BreakerState } from './breaker.ts';
import { ConcurrencyLimit, concurrencyDefaults } from './concurrency-limit.ts';
import { ErrorRate } from './error-rate.ts';
import { firstTokenUs, type LatencyLine, LatencyMeter } from './latency.ts';
import { downScopes } from './scopes.ts';

/** What one attempt showed about its deployment. */
export interface AttemptOutcome {
  readonly handle: string;
  readonly atMs: number;
  /** answered: whole, or as far as the client wanted it. failed: by the deployment's own doing. overloaded: it asked for
   *  patience (429, 529). slow: it did not answer in time. credential: it refuses our key (401, 403). Whatever was the
   *  client's doing is no outcome. */
  readonly kind: 'answered' | 'failed' | 'overloaded' | 'slow' | 'credential';
  readonly inputTokens: number;
  /** undefined: no first token came. */
  readonly firstTokenMs?: number | undefined;
  readonly outputTokens: number;
  readonly streamingMs: number;
  /** Attempts at once when it began, itself included. */
  readonly inFlight: number;
  /** It asked to be left alone for so long. */
  readonly coolMs?: number | undefined;
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

  /** True when the outcome opened a configuration breaker that was closed: somebody must look. */
  note(outcome: AttemptOutcome): boolean {
    const patient = this.#patients.get(outcome.handle);
    // Its deployment was removed while the attempt ran.
    if (patient === undefined) return false;
    const { atMs } = outcome;
    patient.triedAtMs = Math.max(patient.triedAtMs, atMs);
    if (outcome.coolMs !== undefined && outcome.coolMs > 0) {
      const untilMs = atMs + Math.min(Math.max(outcome.coolMs, coolMsMin), coolMsMax);
      // A shorter wait never cuts a longer one.
      patient.coolingUntilMs = Math.max(patient.coolingUntilMs, untilMs);
    }
    switch (outcome.kind) {
      case 'answered':
        this.#answered(patient, outcome);
        return false;
      case 'failed':
        patient.errors.note(atMs, true);
        patient.breaker.failed(atMs);
        return false;
      case 'slow':
        patient.errors.note(atMs, true);
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

  /** May an attempt go to a half-open deployment now? Counts it as a probe. True for all others. */
  tryProbe(handle: string, atMs: number): boolean {
    const breaker = this.#patients.get(handle)?.breaker;
    return breaker === undefined || breaker.state(atMs) !== 'half-open' || breaker.tryProbe(atMs);
  }

  /** What is known now of every deployment that anything is known of. */
  entries(atMs: number): readonly HealthEntry[] {
    const patients = [...this.#patients.values()];
    this.#down = downScopes(
      patients.map(({ deployment, breaker, triedAtMs }) => ({
        handle: deployment.handle,
        scopes: deployment.scopes,
        state: breaker.state(atMs),
        recent: atMs - triedAtMs < recentMs,
      })),
    );
    return patients.map(patient => this.#entry(patient, atMs)).filter(entry => Object.keys(entry).length > 1);
  }

  /** Scopes that were down when `entries` was last asked: for people, who ask what is broken. */
  get down(): ReadonlySet<string> {
    return this.#down;
  }

  #answered(patient: Patient, outcome: AttemptOutcome): void {
    const { atMs, inputTokens, firstTokenMs, outputTokens, streamingMs, inFlight } = outcome;
    patient.errors.note(atMs, false);
    patient.breaker.succeeded(atMs);
    if (firstTokenMs === undefined) return;
    const before = patient.latency.line(atMs);
    patient.latency.note({ atMs, inputTokens, firstTokenMs, outputTokens, streamingMs });
    // As if it had been a request of ordinary size, so that long prompts do not look like a queue.
    const expectedUs = before === undefined ? undefined : firstTokenUs(before, inputTokens);
    const ordinaryUs = before === undefined ? undefined : firstTokenUs(before, ordinaryInputTokens);
    const normalisedMs =
      expectedUs === undefined || ordinaryUs === undefined ? firstTokenMs : (firstTokenMs * ordinaryUs) / expectedUs;
    patient.concurrency.answered(normalisedMs, inFlight);
  }

  #entry(patient: Patient, atMs: number): HealthEntry {
    const { deployment, breaker, coolingUntilMs, concurrency } = patient;
    const latency = patient.latency.line(atMs);
    const errorPpm = patient.errors.ppm(atMs);
    const own = breaker.state(atMs);
    const inherited = own === 'closed' && deployment.scopes.some(scope => this.#down.has(scope));
    // Half open without a probe to give away is as good as open.
    const state = inherited || (own === 'half-open' && !breaker.hasProbe(atMs)) ? 'open' : own;
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
