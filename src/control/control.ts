import type { Author } from '../audit/author.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import type { Change } from './changes.ts';
import { cappedOrganisations, compileSnapshot, type WalletMoney } from './compile.ts';
import { commitConfiguration, RevisionConflict, readConfiguration } from './configuration-store.ts';
import { exportConfiguration } from './export.ts';
import { createKeyControl, type KeyControl } from './key-control.ts';
import { mintHandle, mintKeyId, mintKeySecret } from './key-secret.ts';
import { type Plan, type PlanContext, planApply } from './plan.ts';
import { createPriceControl, incompleteNotices, type PriceControl } from './price-control.ts';
import type { PriceFacts } from './price-facts.ts';
import type { ProviderKind } from './provider-kinds.ts';
import { type ReadDeclaration, readDeclaration } from './read-declaration.ts';
import { type ReferenceSources, resolveReference } from './references.ts';
import { createSecretControl, type SecretControl } from './reseal.ts';
import { createResourceControl, type ResourceControl } from './resource-control.ts';
import { type Configuration, resourceOf } from './resources.ts';
import type { Sealer } from './seal.ts';
import { ensureSecretFile, sandboxKeyPath } from './secret-files.ts';
import { noticesOf, type PublicPrices, planZeroConfiguration } from './zero-configuration.ts';

/** Everything that changes the configuration, and what is made of it. One for each supervisor. */
export interface Control extends ResourceControl, KeyControl, SecretControl {
  /** Plans a file and, unless it is a dry run, commits it. Throws ConfigurationError with all problems. */
  apply(request: ApplyRequest): Promise<ApplyResult>;
  exportText(): Promise<string>;
  readConfiguration(): Promise<Configuration>;
  /** What an unconfigured installation has; run at every start, after the file named at start. */
  ensureZeroConfiguration(): Promise<void>;
  /** Where nobody set prices, publishes what public ones say by now: the dates of some come while it runs. True when
   *  something changed. */
  followFacts(): Promise<boolean>;
  /** What an operator should know although nothing is wrong; for the log at start and the status. */
  notices(): readonly string[];
  compile(revokedLocally?: ReadonlySet<string>): Promise<SnapshotJson>;
  readonly prices: PriceControl;
}

export interface ControlOptions {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly references: ReferenceSources;
  readonly kinds: readonly ProviderKind[];
  /** Public prices as they hold at an instant. */
  readonly facts: (atMs: number) => PublicPrices;
  /** The same as they are read from their source, for reviews. */
  readonly priceFacts: () => PriceFacts;
  /** What `sandbox:` stands for on this replica, such as `unix:/run/…/emulator.sock`. */
  readonly sandboxBaseUrl: string;
  readonly nowMs: () => number;
  /** What wallets of these organisations have, by `organisation/currency`; absent: nobody has any. */
  readonly wallets?: (organisations: readonly string[]) => Promise<ReadonlyMap<string, WalletMoney>>;
  /** Called after each committed change, so that the supervisor compiles at once rather than at its next look. */
  readonly changed: (revision: bigint) => void;
}

export interface ApplyRequest extends Author {
  readonly file: string;
  readonly dryRun: boolean;
  readonly prune: boolean;
  /** Refuse with revision_conflict when the stored configuration is at another. */
  readonly expectedRevision?: bigint;
}

export interface ApplyResult {
  /** After the apply; unchanged when nothing changed or it was a dry run. */
  readonly revision: bigint;
  readonly changes: readonly Change[];
  readonly applied: boolean;
  /** What the caller should know although it is no change. */
  readonly notices: readonly string[];
}

/** How often a change is planned anew because another came first. */
const attemptsMax = 8;

export function createControl(options: ControlOptions): Control {
  const { store, sealer } = options;
  const makeContext = (): PlanContext => ({
    nowMs: options.nowMs(),
    sealer,
    kinds: options.kinds,
    resolve: reference => resolveReference(reference, options.references),
    mintHandle: () => mintHandle(),
    mintKeyId: () => mintKeyId(),
  });

  /** Reads, plans, commits; plans again when someone else committed in between. */
  async function change(
    { actor, requestId, address }: Author,
    plan: (stored: Configuration) => Plan,
  ): Promise<{ plan: Plan; before: Configuration; revision: bigint }> {
    for (let attempt = 1; ; attempt++) {
      const before = await readConfiguration(store);
      const planned = plan(before);
      if (planned.problems.length > 0) throw new ConfigurationError(planned.problems);
      if (planned.changes.length === 0) return { plan: planned, before, revision: before.revision };
      try {
        const revision = await commitConfiguration(store, {
          before,
          ...planned,
          actor,
          requestId,
          address,
          nowMs: options.nowMs(),
        });
        options.changed(revision);
        return { plan: planned, before, revision };
      } catch (error) {
        if (!(error instanceof RevisionConflict)) throw error;
        if (attempt >= attemptsMax) throw new Fault('revision_conflict', undefined, { cause: error });
      }
    }
  }

  async function apply(request: ApplyRequest): Promise<ApplyResult> {
    const read = readDeclaration(request.file);
    const notices =
      read.declaration.process === undefined
        ? []
        : ['process: is read at start with --config; applying it changes nothing of a running process'];
    const plan = (stored: Configuration) => {
      if (request.expectedRevision !== undefined && request.expectedRevision !== stored.revision) {
        throw new Fault('revision_conflict', `The configuration is at revision ${stored.revision} by now.`);
      }
      return planApply(read, stored, { prune: request.prune }, makeContext());
    };
    if (request.dryRun) {
      const stored = await readConfiguration(store);
      const planned = plan(stored);
      if (planned.problems.length > 0) throw new ConfigurationError(planned.problems);
      return {
        revision: stored.revision,
        changes: planned.changes,
        applied: false,
        notices: [...notices, ...priceNotices(read, planned)],
      };
    }
    const done = await change(request, plan);
    return {
      revision: done.revision,
      changes: done.plan.changes,
      applied: true,
      notices: [...notices, ...priceNotices(read, done.plan)],
    };
  }

  async function followFacts(): Promise<boolean> {
    const stored = await readConfiguration(store);
    const rule = resourceOf(stored, 'rule', 'publish-facts-when-unconfigured');
    if (rule?.state !== 'active' || rule.version === null) return false;
    return (await ensureZero()) !== stored.revision;
  }

  async function ensureZero(): Promise<bigint> {
    const firstKeySecret = () =>
      ensureSecretFile(sandboxKeyPath(options.references.dataDirectory), () => mintKeySecret(mintKeyId()));
    const zero = {
      ...makeContext(),
      environment: options.references.environment,
      facts: options.facts(options.nowMs()),
      firstKeySecret,
    };
    return (await change({ actor: 'system:zero-configuration' }, stored => planZeroConfiguration(stored, zero)))
      .revision;
  }

  async function compile(revokedLocally?: ReadonlySet<string>): Promise<SnapshotJson> {
    const configuration = await readConfiguration(store);
    const capped = cappedOrganisations(configuration).map(({ id }) => id);
    const wallets = capped.length === 0 ? undefined : await options.wallets?.(capped);
    return compileSnapshot(configuration, {
      compiledAt: new Date(options.nowMs()).toISOString(),
      sandboxBaseUrl: options.sandboxBaseUrl,
      ...(revokedLocally === undefined ? {} : { revokedLocally }),
      ...(wallets === undefined ? {} : { wallets }),
    });
  }

  return {
    apply,
    exportText: async () => exportConfiguration(await readConfiguration(store), options.nowMs()),
    readConfiguration: () => readConfiguration(store),
    ...createResourceControl({ change, makeContext }),
    ...createKeyControl({ change, makeContext, sealer, nowMs: options.nowMs }),
    ...createSecretControl({
      change,
      readConfiguration: () => readConfiguration(store),
      sealer,
      sources: options.references,
    }),
    ensureZeroConfiguration: async () => void (await ensureZero()),
    followFacts,
    notices: () => noticesOf(options.references.environment),
    compile,
    prices: createPriceControl({
      store,
      nowMs: options.nowMs,
      facts: options.priceFacts,
      makeContext,
      change,
    }),
  };
}

function priceNotices(read: ReadDeclaration, { next }: Plan): readonly string[] {
  return read.declaration.prices === undefined ? [] : incompleteNotices(next);
}
