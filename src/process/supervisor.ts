import { fileURLToPath } from 'node:url';
import { problemResponse, toProblem } from '../admin/problem.ts';
import { publishWatermark } from '../billing/journal-watermark.ts';
import { WalletPayer } from '../billing/pay-exchanges.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import type { ProcessSettings } from '../config/settings.ts';
import { ConsoleFiles } from '../console/console-files.ts';
import { MasterKeyMismatch } from '../control/configuration-store.ts';
import { Keyring } from '../control/keyring.ts';
import { lowBalancesOf } from '../control/low-balances.ts';
import { ensureAdminKey, keyringPath, type MasterKeyPlace, masterKeyPlace } from '../control/secret-files.ts';
import { JobRunner } from '../jobs/runner.ts';
import { Shipper } from '../journal/shipper.ts';
import { LedgerShipping } from '../ledger/shipping.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import { maintain } from '../store/maintenance.ts';
import { writeNotice } from '../store/notice.ts';
import type { Log } from '../telemetry/log.ts';
import { type AdminServer, isBearer, startAdminServer } from './admin-server.ts';
import { BreakerNotices } from './breaker-notices.ts';
import { ConfigurationKeeper } from './configuration-keeper.ts';
import { DatabaseSession } from './database-session.ts';
import { EpochDesk } from './epoch-desk.ts';
import { type ExampleKey, exampleKey } from './example-key.ts';
import { HealthDesk } from './health-desk.ts';
import { allJobs, jobDesk } from './jobs.ts';
import { after } from './late-timer.ts';
import { openManagement } from './management.ts';
import type { ToSupervisor, WorkerSettings } from './messages.ts';
import { PermitDesk } from './permit-desk.ts';
import { ReasoningShelf } from './reasoning-shelf.ts';
import type { ReplicaHome } from './replica-home.ts';
import { Sandbox } from './sandbox.ts';
import { DeferredShippingTarget } from './shipping-target.ts';
import { SupervisorBudgets } from './supervisor-budgets.ts';
import { SupervisorLimits } from './supervisor-limits.ts';
import { SupervisorMetrics } from './supervisor-metrics.ts';
import { webhookContextOf } from './webhook-context.ts';
import { within } from './within.ts';
import { WorkerPool } from './worker-pool.ts';
import { concurrencyLimits } from './worker-snapshot.ts';

export interface SupervisorOptions {
  readonly settings: ProcessSettings;
  readonly home: ReplicaHome;
  /** main.ts, which is what workers and the sandbox are forked from. */
  readonly entryPath: string;
  readonly log: Log;
  /** Text of the file named by --config: applied at the start, once the database is there. */
  readonly configFile: string | undefined;
}

/** Where the build writes the console, in a checkout and in the package alike. */
const consoleDirectory = fileURLToPath(new URL('../../console/dist', import.meta.url));
/** How long a configuration change waits for workers to serve with it, before it is answered all the same. */
const applyWaitMs = 1_000;
/** How often the reasoning shelf forgets what is past its time. */
const sweepIntervalMs = 60_000;
/** So often the database is told how far the journal is in the ledger, which master key is here, and which breakers opened. */
const watermarkIntervalMs = 10_000;
/** How long a stop waits for the journal to reach the ledger; what is left waits in the journal. */
const shipTimeoutMs = 15_000;
/** The same for each other thing that a stop asks of the database. */
const silentDatabaseMs = 2_000;
/** Jobs are told to end and then cut off (jobs/runner.ts); with a silent database, so much longer. */
const jobsStopMs = 4_000;

/** One replica's owner: of the database session, the workers, the shipper and the management API.
 *  Read `start` and `stop` as tables of contents. */
export class Supervisor {
  readonly #settings: ProcessSettings;
  readonly #console = new ConsoleFiles(consoleDirectory);
  readonly #home: ReplicaHome;
  readonly #log: Log;
  readonly #configFile: string | undefined;
  readonly #adminKey: string;
  readonly #masterKeyPlace: MasterKeyPlace;
  readonly #keyring: Keyring;
  readonly #metrics = new SupervisorMetrics();
  readonly #target = new DeferredShippingTarget();
  readonly #desk: PermitDesk;
  readonly #health: HealthDesk;
  readonly #epochs: EpochDesk;
  readonly #shelf = new ReasoningShelf({ monotonicMs: () => performance.now() });
  readonly #sandbox: Sandbox;
  readonly #keeper: ConfigurationKeeper;
  readonly #database: DatabaseSession;
  readonly #shipper: Shipper;
  readonly #pool: WorkerPool;
  readonly #budgets: SupervisorBudgets;
  readonly #limits: SupervisorLimits;
  readonly #breakers: BreakerNotices;
  #admin: AdminServer | undefined;
  #concurrency: ReadonlyMap<string, number> = new Map();
  #sweeping: NodeJS.Timeout | undefined;
  #jobs: JobRunner | undefined;
  #watermark: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor({ settings, home, entryPath, log, configFile }: SupervisorOptions) {
    this.#settings = settings;
    this.#configFile = configFile;
    this.#home = home;
    this.#log = log;
    this.#adminKey = ensureAdminKey(home.dataPath, settings.adminKey);
    this.#masterKeyPlace = masterKeyPlace(home.dataPath, settings.masterKey);
    this.#keyring = new Keyring({
      place: this.#masterKeyPlace,
      path: keyringPath(home.dataPath),
      replica: home.generation.replica,
      onKeys: keys => this.#pool.broadcast({ type: 'keys', keys }),
      onOutdated: () =>
        log.error(
          'the master key was replaced: this replica goes on, and needs the new CARRIER_MASTER_KEY at its next start',
        ),
    });
    this.#sandbox = new Sandbox({
      entryPath,
      socketPath: home.sandboxSocketPath,
      log,
      processes: home.generation,
    });
    this.#keeper = new ConfigurationKeeper({
      dataPath: home.dataPath,
      log,
      beforePublish: store => this.#keyring.refresh(store),
      onSnapshot: snapshot => this.#snapshotChanged(snapshot),
    });
    this.#database = new DatabaseSession({
      databaseUrl: settings.databaseUrl,
      dataDirectory: home.dataPath,
      log,
      prepare: store => this.#prepare(store),
      isFinal: error => error instanceof MasterKeyMismatch || error instanceof ConfigurationError,
      failed: () => this.#budgets.databaseAway(),
    });
    this.#shipper = new Shipper({
      directory: home.journalPath,
      target: this.#target,
      orphans: () => this.#keeper.current?.settings.orphans ?? 'delivered',
      nowMs: Date.now,
      onShipped: (...shipped) => this.#budgets.shipped(...shipped),
      onSettled: worker => this.#budgets.workerSettled(worker),
      onAdopted: () => this.#budgets.adopted(),
      log: (message, details) => this.#logShipping(message, details),
    });
    this.#desk = new PermitDesk({
      limit: handle => this.#concurrency.get(handle),
      send: (worker, message) => this.#pool.send(worker, message),
      after,
    });
    this.#health = new HealthDesk({
      workers: () => this.#pool.numbers,
      send: (worker, message) => this.#pool.send(worker, message),
      nowMs: Date.now,
      onMisconfigured: deployment =>
        log.error('a deployment refuses our credential or its model; it is put behind the others', { deployment }),
    });
    this.#breakers = new BreakerNotices(home.generation.replica);
    this.#epochs = new EpochDesk({
      replica: home.generation.replica,
      nowMs: Date.now,
      tell: chain => this.#pool.broadcast({ type: 'epochs', ...chain }),
      store: () => this.#database.store,
      warn: message => log.warn('the anchor of the epochs waits for the database', { error: message }),
    });
    this.#budgets = new SupervisorBudgets({
      dataPath: home.dataPath,
      replica: home.generation.replica,
      generation: home.generation.number,
      previousGeneration: home.generation.previous,
      snapshot: () => this.#keeper.current,
      workers: () => this.#pool.numbers,
      send: (worker, message) => this.#pool.send(worker, message),
      after,
      log,
    });
    this.#limits = new SupervisorLimits({
      replica: home.generation.replica,
      generation: home.generation.number,
      snapshot: () => this.#keeper.current,
      workers: () => this.#pool.numbers,
      send: (worker, message) => this.#pool.send(worker, message),
      after,
      log,
    });
    this.#pool = new WorkerPool({
      count: settings.workers,
      entryPath,
      settings: worker => this.#workerSettings(worker),
      log,
      metrics: this.#metrics.replica,
      processes: home.generation,
      onMessage: (worker, message) => this.#received(worker, message),
      onReaped: worker => this.#reaped(worker),
    });
  }

  /** Resolves when requests are served. With a fresh snapshot on disk that does not wait for the database. */
  async start(): Promise<void> {
    // What lies in the journal now was written by the dead: the shipper takes it over before anybody writes anew.
    this.#shipper.start();
    this.#admin = await startAdminServer({
      socketPath: this.#home.adminSocketPath,
      listen: this.#settings.adminListen,
      trustedProxies: this.#settings.trustedProxies,
      early: (request, isLocal) => this.#answerEarly(request, isLocal),
    });
    const database = this.#database.open();
    if (this.#keyring.isOpen && this.#keeper.useDisk()) {
      this.#snapshotChanged(this.#snapshot);
      // Requests are served meanwhile; what waiting cannot mend ends the process.
      database.catch(error => this.#failed(error));
    } else await database;
    this.#keeper.start();
    this.#sweeping = setInterval(() => this.#shelf.sweep(), sweepIntervalMs).unref();
    await this.#sandbox.ensureFor(this.#snapshot);
    this.#epochs.start();
    this.#health.start();
    this.#pool.start();
    await this.#pool.ready();
  }

  /** Before the database was there for the first time, waiting for it is no news. */
  #logShipping(message: string, details: Readonly<Record<string, unknown>>): void {
    const level = this.#database.store === undefined ? 'debug' : 'warn';
    this.#log[level](message, { details: JSON.stringify(details) });
  }

  /** Where the management API listens by itself; undefined when it is on the data plane's port. */
  get adminAddress(): { readonly host: string; readonly port: number } | undefined {
    return this.#admin?.addresses[0];
  }

  /** For the welcome. */
  get example(): ExampleKey | undefined {
    return exampleKey(this.#home.dataPath, this.#snapshot, this.#keyring.sealer);
  }

  get #snapshot(): SnapshotJson {
    const { current } = this.#keeper;
    if (current === undefined) throw new Error('workers are started once there is a snapshot');
    return current;
  }

  #failed(error: unknown): void {
    if (this.#stopping !== undefined) return;
    this.#log.error('stopping: the start cannot be completed', { error: (error as Error).message });
    const exitCode = error instanceof ConfigurationError ? 2 : 1;
    void this.stop(this.#settings.drainTimeoutMs)
      .then(() => this.#log.close())
      .then(() => process.exit(exitCode));
  }

  /** The database answers and is migrated. Runs again from the start when any step fails. */
  async #prepare(store: Store): Promise<void> {
    await this.#keyring.load(store);
    const webhooks = webhookContextOf(store, this.#keyring.sealer, this.#settings.webhooks);
    const jobs = allJobs({
      store,
      retention: this.#settings.retention,
      followFacts: () => control.followFacts(),
      lowBalances: async () => lowBalancesOf(await control.readConfiguration()),
      secrets: { keyring: this.#keyring, control: () => control },
      webhooks,
    });
    const { control, handle } = openManagement({
      store,
      jobs: jobDesk(store, jobs, () => this.#jobs?.nudge()),
      webhooks,
      keyring: this.#keyring,
      masterKeyPlace: this.#masterKeyPlace,
      adminKey: this.#adminKey,
      dataPath: this.#home.dataPath,
      sandboxBaseUrl: this.#sandbox.baseUrl,
      status: () => this.#status(),
      health: () => this.#health.examine(),
      replica: this.#home.generation.replica,
      changed: () => this.#configurationChanged(),
      log: this.#log,
    });
    if (this.#configFile !== undefined) {
      await control.apply({ file: this.#configFile, dryRun: false, prune: false, actor: 'system:config-file' });
    }
    await control.ensureZeroConfiguration();
    await this.#keeper.follow(store, control);
    this.#target.open(new LedgerShipping(store, this.#home.generation.replica, new WalletPayer()));
    this.#budgets.open(store);
    this.#limits.open(store);
    this.#admin?.serve(handle);
    // Before the first shipment, whoever runs the job: it may need partitions.
    await maintain(store, this.#settings.retention, Date.now()).catch(error =>
      this.#log.warn('maintenance waits for the database', { error: error.message }),
    );
    this.#jobs ??= new JobRunner({
      store,
      jobs,
      replica: this.#home.generation.replica,
      log: (level, message, details) => this.#log[level](message, details),
    });
    this.#jobs.start();
    this.#watermark ??= setInterval(() => this.#tellDatabase(store), watermarkIntervalMs);
  }

  #tellDatabase(store: Store): void {
    const nowMs = Date.now();
    const { lagSeconds } = this.#shipper.status();
    const mark = { journal: this.#home.generation.replica, lagSeconds, nowMs };
    const told = [
      publishWatermark(store, mark),
      this.#keyring.present(store),
      ...this.#breakers.look(this.#health.examine(), nowMs).map(notice => writeNotice(store.db, notice)),
    ];
    for (const one of told) {
      one.catch(error => this.#log.debug('how this replica is cannot be told', { error: error.message }));
    }
  }

  /** A change was committed here: workers serve with it when this resolves, or a second has passed. */
  async #configurationChanged(): Promise<void> {
    await this.#keeper.refresh();
    await this.#pool.applied(this.#snapshot.hash, applyWaitMs);
  }

  #snapshotChanged(snapshot: SnapshotJson): void {
    this.#concurrency = concurrencyLimits(snapshot);
    this.#desk.limitsChanged();
    this.#health.snapshotChanged(snapshot);
    this.#budgets.limitsChanged();
    this.#limits.limitsChanged();
    void this.#sandbox.ensureFor(snapshot);
    this.#pool.broadcast({ type: 'snapshot', path: this.#keeper.path, hash: snapshot.hash });
  }

  #received(worker: number, message: ToSupervisor): void {
    switch (message.type) {
      case 'permit-request':
        this.#desk.request(worker, message);
        break;
      case 'return-permits':
        this.#desk.returned(worker, message.handle, message.count);
        break;
      case 'outcomes':
        this.#health.received(worker, message);
        break;
      case 'reasoning-remember':
        this.#shelf.put(message.organisation, message.callIds, message.envelopes);
        break;
      case 'reasoning-recall':
        this.#recall(worker, message);
        break;
      case 'lease-request':
      case 'return':
        this.#budgets.received(worker, message);
        break;
      case 'limit-request':
      case 'limit-return':
      case 'limit-counts':
        this.#limits.received(worker, message);
        break;
      default:
    }
  }

  #recall(worker: number, message: ToSupervisor & { readonly type: 'reasoning-recall' }): void {
    const found = message.callIds.flatMap(id => {
      const envelopes = this.#shelf.get(message.organisation, id);
      return envelopes === undefined ? [] : [[id, envelopes] as const];
    });
    this.#pool.send(worker, { type: 'reasoning-recalled', request: message.request, found });
  }

  #reaped(worker: number): void {
    this.#desk.forget(worker);
    this.#health.forget(worker);
    this.#budgets.workerDied(worker);
    this.#limits.workerDied(worker);
    this.#shipper.markDead(worker);
  }

  #workerSettings(worker: number): WorkerSettings {
    const { settings, home } = { settings: this.#settings, home: this.#home };
    return {
      worker,
      generation: home.generation.number,
      host: settings.host,
      port: home.port,
      tls: settings.tls,
      journalDirectory: home.journalPath,
      fsync: settings.journal.fsync,
      fsyncIntervalMs: settings.journal.fsyncIntervalMs,
      journalBytesMax: settings.journal.bytesMax,
      snapshotPath: this.#keeper.path,
      keys: this.#keyring.keys,
      adminSocket: settings.adminListen === undefined ? home.adminSocketPath : undefined,
      proxy: settings.proxy,
      zone: settings.zone,
      mediaFetch: settings.mediaFetch,
      trustedProxies: settings.trustedProxies,
      limits: settings.limits,
      sharers: settings.workers,
      log: settings.log,
      epochs: this.#epochs.chains,
    };
  }

  /** For the management API. */
  #status(): Record<string, unknown> {
    const { current, databaseUp } = this.#keeper;
    return {
      generation: this.#home.generation.number,
      workers: { wanted: this.#settings.workers, ready: this.#pool.readyCount, restarts: this.#pool.restarts },
      snapshot: { hash: current?.hash, revision: current?.revision, compiledAt: current?.compiledAt },
      database: databaseUp ? 'up' : 'down',
      shipper: this.#shipper.status(),
      masterKey: this.#keyring.isOutdated ? 'outdated' : 'current',
    };
  }

  /** What is answered without the database. Metrics have no key of their own: they are for this machine, or for whoever has
   *  the admin key. */
  #answerEarly(request: Request, isLocal: boolean): Response | Promise<Response> | undefined {
    const page = this.#console.answer(request);
    if (page !== undefined) return page;
    if (request.method !== 'GET' || new URL(request.url).pathname !== '/metrics') return undefined;
    if (isLocal || isBearer(request, this.#adminKey)) return this.#answerMetrics();
    return Promise.resolve(problemResponse(toProblem(new Fault('admin_key_invalid'))));
  }

  async #answerMetrics(): Promise<Response> {
    const text = await this.#metrics.text(this.#pool, {
      shipper: this.#shipper.status(),
      databaseUp: this.#keeper.databaseUp,
      revision: BigInt(this.#keeper.current?.revision ?? 0),
      journalPath: this.#home.journalPath,
      shelf: this.#shelf,
      jobs: this.#jobs?.gauges() ?? [],
      limits: this.#limits.metrics(),
    });
    return new Response(text, { headers: { 'content-type': this.#metrics.replica.contentType } });
  }

  /** Called again it hurries: the time for open exchanges is that of the last call. */
  async stop(drainMs: number): Promise<void> {
    if (this.#stopping !== undefined) {
      void this.#pool.drain(drainMs);
      return this.#stopping;
    }
    this.#stopping = this.#stop(drainMs);
    return this.#stopping;
  }

  /** A database that says nothing any more holds up none of it. */
  async #stop(drainMs: number): Promise<void> {
    await this.#pool.drain(drainMs);
    this.#health.stop();
    this.#epochs.stop();
    clearInterval(this.#watermark);
    await within(silentDatabaseMs, this.#keeper.stop());
    clearInterval(this.#sweeping);
    if (this.#jobs !== undefined) await within(jobsStopMs, this.#jobs.stop());
    const whole = await this.#shipRest();
    await within(silentDatabaseMs, this.#budgets.close(whole));
    await within(silentDatabaseMs, this.#limits.close());
    await this.#admin?.close();
    await this.#sandbox.stop();
    await within(silentDatabaseMs, this.#database.stop());
    this.#metrics.close();
    await this.#home.release();
  }

  /** Every worker is reaped: their segments are dead, and go to the ledger whole if the database answers. */
  async #shipRest(): Promise<boolean> {
    const shipped = this.#shipper
      .stop()
      .then(() => this.#database.store !== undefined && this.#shipper.drain().then(() => true))
      .catch(() => false);
    let whole: boolean | undefined;
    // As long as it gets on, but not for ever.
    for (let waitedMs = 0; waitedMs < shipTimeoutMs && whole === undefined; waitedMs += silentDatabaseMs) {
      const before = this.#shipper.status().shippedTotal;
      whole = await within(silentDatabaseMs, shipped);
      if (this.#shipper.status().shippedTotal === before) break;
    }
    if (whole !== true && this.#database.store !== undefined)
      this.#log.warn('the journal is not shipped whole; the next start goes on with it');
    return whole === true;
  }
}
