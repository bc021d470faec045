import { createSealer, keySecretContext, type Sealer } from '../control/seal.ts';
import { StateSeal } from '../dialects/opaque-state.ts';
import { createGateway, type Gateway } from '../gateway/create-gateway.ts';
import type { GatewayObserver } from '../gateway/ports.ts';
import { FileJournal } from '../journal/file-journal.ts';
import { formatAtto } from '../pricing/money.ts';
import type { HeldBudget } from '../snapshot/load.ts';
import { exchangeLine, refusalLine } from '../telemetry/exchange-line.ts';
import { ExchangeMetrics } from '../telemetry/exchange-metrics.ts';
import { LimitMetrics } from '../telemetry/limit-metrics.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { ProcessMetrics } from '../telemetry/process-metrics.ts';
import { gauge, type MetricJson } from '../telemetry/tally.ts';
import { budgetsToWarm } from './budgets-to-warm.ts';
import { after } from './late-timer.ts';
import type { ToWorker, WorkerSettings } from './messages.ts';
import { openSupervisorChannel, type SupervisorChannel } from './supervisor-channel.ts';
import { endOnUncaught } from './uncaught.ts';
import { WorkerAllowances } from './worker-allowances.ts';
import { WorkerEpochs } from './worker-epochs.ts';
import { WorkerHealth } from './worker-health.ts';
import { WorkerLimits } from './worker-limits.ts';
import { WorkerPermits } from './worker-permits.ts';
import { WorkerReasoning } from './worker-reasoning.ts';
import { WorkerSnapshot } from './worker-snapshot.ts';

/** How often allowance that nobody needs is looked for. */
const sweepIntervalMs = 5_000;
/** The same of limits, whose windows are shorter. */
const limitSweepIntervalMs = 1_000;

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/** One worker: its own socket queue, its own journal segments, a copy of the snapshot. It never talks to the database.
 *  Signals are the supervisor's to handle: a process manager that sends them to every process must not cut exchanges. */
export async function runWorker(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  const channel = openSupervisorChannel();
  const settings = await startMessage(channel);
  const log = createLog(settings.log, `worker-${settings.worker}`);
  endOnUncaught(log);
  try {
    const worker = await Worker.open(channel, settings, log);
    await worker.listen();
  } catch (error) {
    channel.send({ type: 'fatal', message: (error as Error).message });
    await log.close();
    // The message is on its way through a pipe; leaving at once could lose it.
    setTimeout(() => process.exit(1), 50);
  }
}

function startMessage(channel: SupervisorChannel): Promise<WorkerSettings> {
  return new Promise(resolve => {
    channel.receiveOne(message => {
      if (message.type !== 'start') throw new Error('the first message to a worker is start');
      resolve(message.settings);
    });
  });
}

class Worker {
  readonly #channel: SupervisorChannel;
  readonly #settings: WorkerSettings;
  readonly #log: Log;
  readonly #journal: FileJournal;
  readonly #snapshot: WorkerSnapshot;
  readonly #sealer: Sealer;
  readonly #allowances: WorkerAllowances;
  readonly #permits: WorkerPermits;
  readonly #limits: WorkerLimits;
  readonly #health: WorkerHealth;
  readonly #epochs = new WorkerEpochs();
  readonly #reasoning: WorkerReasoning;
  readonly #gateway: Gateway;
  readonly #exchanges = new ExchangeMetrics();
  readonly #limited = new LimitMetrics();
  readonly #process = new ProcessMetrics();
  #draining = false;

  static async open(channel: SupervisorChannel, settings: WorkerSettings, log: Log): Promise<Worker> {
    const sealer = createSealer(settings.keys);
    const snapshot = await WorkerSnapshot.read(settings.snapshotPath, sealer);
    const journal = await FileJournal.open({
      directory: settings.journalDirectory,
      generation: settings.generation,
      worker: settings.worker,
      fsync: settings.fsync,
      fsyncIntervalMs: settings.fsyncIntervalMs,
      bytesMax: settings.journalBytesMax,
      clock,
      onAlarm: ({ code, message }) => log.error(message, { code }),
    });
    const seal = new StateSeal(sealer.keyFor('reasoning-state/1'));
    return new Worker({ channel, settings, log, journal, snapshot, seal, sealer });
  }

  private constructor(parts: {
    readonly channel: SupervisorChannel;
    readonly settings: WorkerSettings;
    readonly log: Log;
    readonly journal: FileJournal;
    readonly snapshot: WorkerSnapshot;
    readonly seal: StateSeal;
    readonly sealer: Sealer;
  }) {
    const { channel, settings, snapshot, journal } = parts;
    this.#channel = channel;
    this.#settings = settings;
    this.#log = parts.log;
    this.#journal = journal;
    this.#snapshot = snapshot;
    this.#sealer = parts.sealer;
    this.#allowances = new WorkerAllowances({
      budget: id => snapshot.current.findBudget(id),
      send: message => channel.send(message),
      monotonicMs: clock.monotonicMs,
      after,
      observe: this.#exchanges,
    });
    this.#permits = new WorkerPermits({
      limit: handle => snapshot.concurrencyMax(handle),
      send: message => channel.send(message),
      monotonicMs: clock.monotonicMs,
      after,
    });
    this.#limits = new WorkerLimits({
      send: message => channel.send(message),
      monotonicMs: clock.monotonicMs,
      after,
      observe: this.#limited,
    });
    for (const chain of settings.epochs) this.#epochs.received(chain);
    this.#health = new WorkerHealth({ send: message => channel.send(message), nowMs: clock.nowMs, after });
    this.#reasoning = new WorkerReasoning({ seal: parts.seal, send: message => channel.send(message), after });
    this.#gateway = createGateway(
      {
        snapshot: () => snapshot.current,
        journal,
        budgets: this.#allowances,
        permits: this.#permits,
        limits: this.#limits,
        health: this.#health,
        draw: atMs => this.#epochs.drawAt(atMs),
        reasoning: this.#reasoning,
        credential: provider => snapshot.credential(provider),
        digestSecret: parts.sealer.digestSecret,
        openKeySecret: ({ digest, sealed }) => parts.sealer.open(sealed, keySecretContext(digest)),
        observe: this.#observer(),
        clock,
        draining: () => this.#draining,
      },
      { ...settings, reusePort: true },
    );
  }

  async listen(): Promise<void> {
    const port = await this.#gateway.listen();
    setInterval(() => this.#allowances.sweep(clock.nowMs()), sweepIntervalMs).unref();
    setInterval(() => this.#limits.sweep(clock.nowMs()), limitSweepIntervalMs).unref();
    this.#channel.receive(message => this.#received(message));
    this.#allowances.prefetch(budgetsToWarm(this.#snapshot.current), clock.nowMs());
    this.#channel.send({ type: 'snapshot-applied', hash: this.#snapshot.current.hash });
    this.#channel.send({ type: 'ready', port });
  }

  #received(message: ToWorker): void {
    switch (message.type) {
      case 'start':
        throw new Error('a worker is started once');
      case 'keys':
        this.#sealer.useKeys(message.keys);
        break;
      case 'snapshot':
        void this.#applySnapshot(message.path);
        break;
      case 'grant':
        this.#allowances.granted(message.request, message.grant, message.refusal, message.standing);
        break;
      case 'recall':
        this.#allowances.recall(message.budget, message.window);
        break;
      case 'ledger':
        this.#allowances.ledgerAnswers(message.answers);
        break;
      case 'permits':
        this.#permits.granted(message.request, message.granted);
        break;
      case 'recall-permits':
        this.#permits.recall(message.handle);
        break;
      case 'limit-grant':
        this.#limits.granted(message.request, message);
        break;
      case 'limit-recall':
        this.#limits.recall(message.limit, message.window);
        break;
      case 'health':
        this.#health.received(message.entries, message.elsewhere);
        break;
      case 'epochs':
        this.#epochs.received(message);
        break;
      case 'reasoning-recalled':
        this.#reasoning.recalled(message.request, message.found);
        break;
      case 'metrics-request':
        this.#channel.send({ type: 'metrics', request: message.request, metrics: this.#metrics() });
        break;
      case 'drain':
        void this.#drain(message.withinMs);
        break;
    }
  }

  async #applySnapshot(path: string): Promise<void> {
    try {
      const before = this.#snapshot.current;
      await this.#snapshot.apply(path);
      this.#allowances.limitsChanged();
      // Where a grant was made or ended, another window has begun, in which what is left of the last one is needed.
      this.#allowances.sweep(clock.nowMs());
      for (const id of this.#allowances.budgets()) {
        if (isLowered(before.findBudget(id), this.#snapshot.current.findBudget(id))) this.#allowances.limitLowered(id);
      }
      this.#allowances.prefetch(budgetsToWarm(this.#snapshot.current, before), clock.nowMs());
      this.#channel.send({ type: 'snapshot-applied', hash: this.#snapshot.current.hash });
    } catch (error) {
      // It goes on with the last one; the supervisor sees that this worker is behind.
      this.#log.error('a snapshot cannot be used', { error: (error as Error).message });
    }
  }

  #observer(): GatewayObserver {
    return {
      exchangeEnded: exchange => {
        this.#exchanges.ended(exchange);
        this.#log.exchange(exchangeLine(exchange, formatAtto));
      },
      refused: refusal => {
        this.#exchanges.refused(refusal.fault);
        this.#log.refusal(refusalLine(refusal));
      },
      walked: step => this.#exchanges.walked(step),
      alert: ({ code, message, exchangeId }) => {
        this.#exchanges.alerted(code);
        this.#log.warn(message, { code, exchange: exchangeId });
      },
    };
  }

  #metrics(): MetricJson[] {
    return [
      ...this.#exchanges.json(),
      this.#limited.json(),
      ...this.#process.json(),
      this.#reasoning.json(),
      gauge('carrier_open_exchanges', 'Exchanges that have begun and not ended.', this.#gateway.openExchanges),
      gauge('carrier_queue_waiting', 'Exchanges that wait for room at a deployment.', this.#gateway.waitingExchanges),
      gauge('carrier_media_fetches', 'Fetches of media that run.', this.#gateway.fetchedMedia.running),
      gauge('carrier_media_held_bytes', 'Fetched media in memory, as base64.', this.#gateway.fetchedMedia.heldBytes),
      gauge('carrier_holds_open', 'Holds taken from hard budgets and not settled.', this.#allowances.openHolds),
      gauge('carrier_permits_in_use', 'Attempts at deployments with a concurrency limit.', this.#permits.inUse),
      gauge('carrier_journal_has_room', '0 when a worker refuses to admit.', this.#journal.hasRoom() ? 1 : 0, 'min'),
      gauge(
        'carrier_snapshot_revision',
        'Oldest configuration revision that a worker serves with.',
        Number(this.#snapshot.current.revision),
        'min',
      ),
    ];
  }

  async #drain(withinMs: number): Promise<void> {
    const again = this.#draining;
    this.#draining = true;
    await this.#gateway.drain(withinMs);
    if (again) return;
    this.#allowances.returnAll();
    this.#limits.returnAll();
    await this.#journal.close();
    this.#log.debug('worker drained', { port: this.#settings.port });
    await this.#log.close();
    this.#channel.close();
    process.exit(0);
  }
}

function isLowered(before: HeldBudget | undefined, now: HeldBudget | undefined): boolean {
  return before !== undefined && now !== undefined && now.limitAtto < before.limitAtto;
}
