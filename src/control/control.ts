import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import type { Change } from './changes.ts';
import { cappedOrganisations, compileSnapshot, type WalletMoney } from './compile.ts';
import { commitConfiguration, RevisionConflict, readConfiguration } from './configuration-store.ts';
import { exportConfiguration } from './export.ts';
import { mintHandle, mintKeyId, mintKeySecret } from './key-secret.ts';
import { compare, type Plan, type PlanContext, planApply } from './plan.ts';
import { createPriceControl, incompleteNotices, type PriceControl } from './price-control.ts';
import type { PriceFacts } from './price-facts.ts';
import type { ProviderKind } from './provider-kinds.ts';
import { type ReadDeclaration, readDeclaration } from './read-declaration.ts';
import { type ReferenceSources, resolveReference } from './references.ts';
import { type Configuration, type KeyResource, keyName, resourceOf, resourcesOf } from './resources.ts';
import type { Sealer } from './seal.ts';
import { ensureSecretFile, sandboxKeyPath } from './secret-files.ts';
import { noticesOf, type PublicPrices, planZeroConfiguration } from './zero-configuration.ts';

/** Everything that changes the configuration, and what is made of it. One for each supervisor. */
export interface Control {
  /** Plans a file and, unless it is a dry run, commits it. Throws ConfigurationError with all problems. */
  apply(request: ApplyRequest): Promise<ApplyResult>;
  exportText(): Promise<string>;
  readConfiguration(): Promise<Configuration>;
  /** The secret is in the answer and nowhere else. */
  createKey(request: CreateKeyRequest): Promise<{ readonly key: KeyResource; readonly secret: string }>;
  /** By id, or as organisation/project/name. Revoking twice is revoking. */
  revokeKey(name: string, actor: string): Promise<KeyResource>;
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

export interface ApplyRequest {
  readonly file: string;
  readonly dryRun: boolean;
  readonly prune: boolean;
  readonly actor: string;
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

export interface CreateKeyRequest {
  /** organisation/project */
  readonly project: string;
  readonly name: string;
  readonly expiresAt: string | null;
  /** Absent: as the project. */
  readonly mediaFetch?: boolean | undefined;
  readonly actor: string;
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
    actor: string,
    plan: (stored: Configuration) => Plan,
  ): Promise<{ plan: Plan; before: Configuration; revision: bigint }> {
    for (let attempt = 1; ; attempt++) {
      const before = await readConfiguration(store);
      const planned = plan(before);
      if (planned.problems.length > 0) throw new ConfigurationError(planned.problems);
      if (planned.changes.length === 0) return { plan: planned, before, revision: before.revision };
      try {
        const revision = await commitConfiguration(store, { before, ...planned, actor, nowMs: options.nowMs() });
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
    const done = await change(request.actor, plan);
    return {
      revision: done.revision,
      changes: done.plan.changes,
      applied: true,
      notices: [...notices, ...priceNotices(read, done.plan)],
    };
  }

  async function createKey(request: CreateKeyRequest) {
    const id = mintKeyId();
    const secret = mintKeySecret(id);
    const key: KeyResource = {
      kind: 'key',
      id,
      name: request.name,
      project: request.project,
      digest: sealer.digestSecret(secret),
      reference: null,
      expiresAt: request.expiresAt,
      revoked: false,
      allow: null,
      zones: null,
      policies: null,
      lowerOutputToFit: false,
      mediaFetch: request.mediaFetch,
      budget: null,
    };
    await change(request.actor, stored => {
      if (resourceOf(stored, 'project', request.project) === undefined) {
        throw new Fault('resource_not_found', `There is no project ${request.project}.`);
      }
      if (resourcesOf(stored, 'key').some(other => keyName(other) === keyName(key))) {
        throw new Fault('resource_exists', `There is a key ${keyName(key)} already.`);
      }
      return planKey(stored, key);
    });
    return { key, secret };
  }

  async function revokeKey(name: string, actor: string): Promise<KeyResource> {
    let revoked: KeyResource | undefined;
    await change(actor, stored => {
      const key = resourceOf(stored, 'key', name) ?? resourcesOf(stored, 'key').find(other => keyName(other) === name);
      if (key === undefined) throw new Fault('resource_not_found', `There is no key ${name}.`);
      revoked = { ...key, revoked: true };
      return planKey(stored, revoked);
    });
    return revoked!;
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
    return (await change('zero-configuration', stored => planZeroConfiguration(stored, zero))).revision;
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
    createKey,
    revokeKey,
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

function planKey(stored: Configuration, key: KeyResource): Plan {
  const resources = new Map([...stored.resources, [`key:${key.id}`, key] as const]);
  const next = { ...stored, resources };
  return { next, changes: compare(stored, next), publications: [], problems: [] };
}
