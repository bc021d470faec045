import type { Dispatcher } from 'undici';
import { Fault } from '../completion/fault.ts';
import type { AnswerFacts } from '../dialects/dialect.ts';
import type { RoutePolicy } from '../snapshot/snapshot.ts';
import type { ClientAnswer, ClientWatcher } from './client-answer.ts';
import { type Deadlines, notWatched, type Watched } from './deadlines.ts';
import type { Upstream } from './upstream.ts';
import { connectionFault } from './upstream-fault.ts';

/** Takes one provider response: relays or translates it, and says what it was. */
export interface AnswerReceiver {
  /** Has the client seen something of it? From then on no other deployment may answer. */
  readonly committed: boolean;
  readonly facts: AnswerFacts | undefined;
  /** Bytes of content that came after the last usage report. */
  readonly contentBytesSinceUsage: number;
  data(chunk: Buffer): void;
  /** The response ended as HTTP says it should. */
  end(): void;
  /** Called at every tick of the deadlines. */
  tick(nowMs: number): void;
  /** What the client is still to be given when the response broke with this fault; undefined if nothing of it was sent. */
  broken(fault: Fault): Delivery | undefined;
}

/** The end of an answer, kept back until the journal has the end of the exchange. */
export interface Delivery {
  /** Status and headers, while they are not sent. */
  readonly head: { readonly status: number; readonly headers: string[] } | undefined;
  readonly last: Buffer | undefined;
  /** `last` is the whole body, so its length and cost are known before the head is written. */
  readonly whole: boolean;
  /** Say by breaking the connection that the answer is not whole: it has no other way to say so. */
  readonly cut: boolean;
}

/** What the provider itself said when it refused, for clients of the same dialect. */
export interface ProviderRefusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface AttemptResult {
  /** undefined: the whole answer came. */
  readonly fault: Fault | undefined;
  /** The request went to a socket. */
  readonly sent: boolean;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Monotonic milliseconds of the first byte of the response; undefined when none came. */
  readonly firstByteAtMs: number | undefined;
  readonly committed: boolean;
  readonly facts: AnswerFacts | undefined;
  readonly contentBytesSinceUsage: number;
  readonly delivery: Delivery | undefined;
  readonly refusal: ProviderRefusal | undefined;
}

/** Attempts beside one another, of which the first that begins to answer goes on. */
export interface AttemptRace {
  /** The first byte of an answer came. */
  answering(attempt: Attempt, controller: Dispatcher.DispatchController | undefined): void;
}

export interface AttemptSetup {
  readonly upstream: Upstream;
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer;
  readonly policy: RoutePolicy;
  /** Monotonic instant at which the whole exchange must have ended. */
  readonly totalEndsAtMs: number;
  readonly client: ClientAnswer;
  readonly deadlines: Deadlines;
  /** Another attempt may be made beside this one: what both share is the race's to set. */
  readonly race?: AttemptRace | undefined;
  /** Chooses how the response is taken, once its head is known. */
  readonly receive: (attempt: Attempt, status: number, headers: AttemptResult['headers']) => AnswerReceiver | Fault;
}

type Phase = 'connecting' | 'waiting' | 'answering' | 'draining' | 'over';

/** After a client abort with `abort: drain`, a provider may go on answering for so long. */
const drainMsMax = 60_000;

/** One request to one deployment: sends it, watches its deadlines, and settles once with what came of it. */
export class Attempt implements Dispatcher.DispatchHandler, Watched, ClientWatcher {
  watchedAt = notWatched;
  readonly result: Promise<AttemptResult>;
  readonly #setup: AttemptSetup;
  #resolve!: (result: AttemptResult) => void;
  #phase: Phase = 'connecting';
  #phaseEndsAtMs: number;
  #drainEndsAtMs = Number.POSITIVE_INFINITY;
  #controller: Dispatcher.DispatchController | undefined;
  #receiver: AnswerReceiver | undefined;
  #sent = false;
  #status: number | undefined;
  #headers: AttemptResult['headers'] = {};
  #firstByteAtMs: number | undefined;
  #refusal: ProviderRefusal | undefined;

  constructor(setup: AttemptSetup) {
    this.#setup = setup;
    this.result = new Promise(resolve => {
      this.#resolve = resolve;
    });
    this.#phaseEndsAtMs = setup.deadlines.now() + setup.policy.connectTimeoutMs;
    setup.deadlines.watch(this);
    if (setup.race === undefined) setup.client.watcher = this;
    if (setup.client.gone) this.clientGone();
    if (this.#phase === 'over') return;
    const { upstream, path, headers, body } = setup;
    try {
      upstream.dispatcher.dispatch({ origin: upstream.origin, method: 'POST', path, headers, body }, this);
    } catch (error) {
      this.fail(new Fault('internal', 'The request to the provider could not be built.', { cause: error }));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A connection that came too late: nobody waits for this request any more, so none of it is written.
    if (this.#phase === 'over') {
      controller.abort(abandoned);
      return;
    }
    this.#controller = controller;
    this.#sent = true;
    this.#enter('waiting', this.#setup.policy.firstByteTimeoutMs);
    if (this.#setup.race === undefined) this.#setup.client.readFrom(controller);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200 || this.#phase === 'over') return;
    this.#status = status;
    this.#headers = headers;
    const receiver = this.#setup.receive(this, status, headers);
    if (receiver instanceof Fault) {
      this.fail(receiver);
      return;
    }
    this.#receiver = receiver;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { deadlines, policy } = this.#setup;
    if (this.#phase === 'waiting') {
      this.#firstByteAtMs = deadlines.now();
      this.#phase = 'answering';
      if (this.#status! < 300) this.#setup.race?.answering(this, this.#controller);
    } else if (this.#phase === 'over') return;
    this.#phaseEndsAtMs = Math.min(deadlines.nowMs + policy.idleTimeoutMs, this.#drainEndsAtMs);
    try {
      this.#receiver?.data(chunk);
    } catch (error) {
      this.#stumble(error);
    }
  }

  onResponseEnd(): void {
    if (this.#phase === 'over') return;
    // The connection goes back to its pool by itself; there is nothing left to abort.
    this.#controller = undefined;
    try {
      this.#receiver?.end();
    } catch (error) {
      this.#stumble(error);
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#phase === 'over') return;
    this.#controller = undefined;
    this.fail(connectionFault(error, this.#receiver !== undefined));
  }

  checkDeadlines(nowMs: number): void {
    if (nowMs >= this.#setup.totalEndsAtMs) {
      this.fail(new Fault('deadline_exceeded'));
      return;
    }
    if (this.#phase === 'answering' && this.#setup.client.isWaiting) {
      this.#phaseEndsAtMs = nowMs + this.#setup.policy.idleTimeoutMs;
    }
    if (nowMs >= this.#phaseEndsAtMs) {
      this.fail(new Fault(this.#lateFault()));
      return;
    }
    this.#receiver?.tick(nowMs);
  }

  /** The receiver has the whole answer. */
  succeed(delivery: Delivery): void {
    this.#settle(undefined, delivery);
  }

  /** Ends the attempt. `delivery` is what the client is still to be given; without it, the receiver is asked. */
  fail(fault: Fault, delivery: Delivery | undefined = this.#receiver?.broken(fault)): void {
    this.#settle(fault, delivery);
  }

  /** Another attempt answers; nothing of this one reached the client. */
  lose(fault: Fault): void {
    this.#settle(fault, undefined);
  }

  /** The provider refused; what it said may be shown to clients of the same dialect. */
  refuse(fault: Fault, refusal: ProviderRefusal): void {
    this.#refusal = refusal;
    this.#settle(fault, undefined);
  }

  /** undici would take an error thrown here for a broken connection. */
  #stumble(error: unknown): void {
    this.fail(error instanceof Fault ? error : new Fault('internal', undefined, { cause: error }));
  }

  #lateFault() {
    if (this.#phase === 'connecting') return 'upstream_connect_timeout';
    if (this.#phase === 'waiting') return 'upstream_first_byte_timeout';
    return this.#phase === 'draining' ? 'client_aborted' : 'upstream_idle_timeout';
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** The client left. */
  clientGone(): void {
    // Of two in a race, one may be over.
    if (this.#phase === 'over') return;
    const { policy, client } = this.#setup;
    // A process that leaves has no time to let providers finish.
    const drains = policy.abort === 'drain' && client.goneBecause === 'client_aborted';
    if (drains && this.#receiver !== undefined) {
      this.#drainEndsAtMs = this.#setup.deadlines.now() + drainMsMax;
      this.#enter('draining', Math.min(drainMsMax, policy.idleTimeoutMs));
      this.#controller?.resume();
      return;
    }
    this.fail(new Fault(client.goneBecause), undefined);
  }

  #enter(phase: Phase, lastsMs: number): void {
    this.#phase = phase;
    this.#phaseEndsAtMs = this.#setup.deadlines.now() + lastsMs;
  }

  #settle(fault: Fault | undefined, delivery: Delivery | undefined): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    const { client, deadlines, race } = this.#setup;
    deadlines.unwatch(this);
    if (race === undefined) {
      client.watcher = undefined;
      client.readFrom(undefined);
    }
    this.#controller?.abort(abandoned);
    const receiver = this.#receiver;
    this.#resolve({
      fault,
      sent: this.#sent,
      status: this.#status,
      headers: this.#headers,
      firstByteAtMs: this.#firstByteAtMs,
      committed: receiver?.committed ?? false,
      facts: receiver?.facts,
      contentBytesSinceUsage: receiver?.contentBytesSinceUsage ?? 0,
      delivery,
      refusal: this.#refusal,
    });
  }
}

/** One error for every abort: making one with its stack for each would cost more than the abort. */
const abandoned = new Error('the attempt is over');
