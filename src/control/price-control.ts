import type { Author } from '../audit/author.ts';
import { ConfigurationError, type Problem } from '../config/problem.ts';
import type { Store } from '../store/connect.ts';
import { readConfiguration } from './configuration-store.ts';
import type { Declaration } from './declaration.ts';
import { type FactReview, reviewFacts, type StoredFact } from './fact-review.ts';
import { type ImportedFacts, importFacts, readStoredFacts } from './fact-store.ts';
import { type Plan, type PlanContext, planApply } from './plan.ts';
import { missingPrices } from './price-book.ts';
import { type PriceChange, priceChanges } from './price-changes.ts';
import type { PriceFacts } from './price-facts.ts';
import { type PriceHistory, readPriceHistory } from './price-history.ts';
import { type ReadDeclaration, readDeclaration } from './read-declaration.ts';
import { type Configuration, resourcesOf } from './resources.ts';

/** Everything that changes or tells prices alone. */
export interface PriceControl {
  /** What publishing a file of prices would change, rate by rate. Throws ConfigurationError with all problems. */
  diff(request: PublishRequest): Promise<Publication>;
  /** Publishes a file that has a `prices:` part and nothing else. What is published already publishes nothing. */
  publish(request: PublishRequest & Author): Promise<Publication>;
  history(): Promise<PriceHistory>;
  reviewFacts(): Promise<FactReview>;
  importFacts(approve: ReadonlySet<string>): Promise<{ readonly review: FactReview; readonly imported: ImportedFacts }>;
  storedFacts(): Promise<readonly StoredFact[]>;
}

export interface PublishRequest {
  readonly file: string;
  readonly prune: boolean;
}

export interface Publication {
  readonly revision: bigint;
  readonly changes: readonly PriceChange[];
  /** Ids of versions that were not published before. */
  readonly versions: readonly string[];
  readonly notices: readonly string[];
}

export interface PriceControlParts {
  readonly store: Store;
  readonly nowMs: () => number;
  readonly facts: () => PriceFacts;
  readonly makeContext: () => PlanContext;
  /** Reads, plans and commits, again when somebody was faster. */
  readonly change: (
    author: Author,
    plan: (stored: Configuration) => Plan,
  ) => Promise<{ readonly plan: Plan; readonly before: Configuration; readonly revision: bigint }>;
}

export function createPriceControl(parts: PriceControlParts): PriceControl {
  const { store, nowMs } = parts;

  function publicationOf(before: Configuration, planned: Plan, revision: bigint): Publication {
    return {
      revision,
      changes: priceChanges(before, planned.next, { nowMs: nowMs(), factors: planned.factors ?? new Map() }),
      versions: planned.publications.map(({ id }) => id),
      notices: incompleteNotices(planned.next),
    };
  }

  async function diff(request: PublishRequest): Promise<Publication> {
    const read = readPrices(request.file);
    const stored = await readConfiguration(store);
    const planned = planPrices(read, stored, request, parts.makeContext());
    if (planned.problems.length > 0) throw new ConfigurationError(planned.problems);
    return publicationOf(stored, planned, stored.revision);
  }

  async function publish(request: PublishRequest & Author): Promise<Publication> {
    const read = readPrices(request.file);
    const done = await parts.change(request, stored => planPrices(read, stored, request, parts.makeContext()));
    return publicationOf(done.before, done.plan, done.revision);
  }

  async function review(): Promise<FactReview> {
    return reviewFacts(parts.facts(), await readStoredFacts(store));
  }

  return {
    diff,
    publish,
    history: () => readPriceHistory(store),
    reviewFacts: review,
    importFacts: async approve => {
      const source = parts.facts();
      const reviewed = reviewFacts(source, await readStoredFacts(store));
      return { review: reviewed, imported: await importFacts(store, { source, review: reviewed, approve }) };
    },
    storedFacts: () => readStoredFacts(store),
  };
}

/** Deployments that notices name. */
const noticesMax = 20;

/** What cannot be called for want of a price although some price is named for it. */
export function incompleteNotices(configuration: Configuration): readonly string[] {
  const notices = resourcesOf(configuration, 'deployment').flatMap(deployment =>
    (['sell', 'buy'] as const).flatMap(book => {
      const missing = missingPrices(configuration, book, deployment);
      if (missing.length === 0 || missing[0] === 'nothing is named for it') return [];
      return [`deployment ${deployment.id} has no complete ${book} price and is not called: ${missing.join('; ')}`];
    }),
  );
  const left = notices.length - noticesMax;
  return left > 0 ? [...notices.slice(0, noticesMax), `and ${left} more such prices`] : notices;
}

/** A file of prices says nothing else, so that publishing prices needs no look at the rest. */
function readPrices(file: string): ReadDeclaration {
  const read = readDeclaration(file);
  const others = (Object.keys(read.declaration) as (keyof Declaration)[]).filter(part => part !== 'prices');
  const problems: Problem[] = others.map(part =>
    read.locate([part], {
      code: 'configuration_invalid',
      message: 'is no part of prices; apply it with `carrier apply`, or leave it out',
    }),
  );
  if (read.declaration.prices === undefined) {
    problems.push(read.locate([], { code: 'configuration_invalid', message: 'the file names no prices' }));
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return read;
}

/** With `prune`, rates that the file does not name go; nothing but books is ever removed. */
function planPrices(
  read: ReadDeclaration,
  stored: Configuration,
  { prune }: PublishRequest,
  context: PlanContext,
): Plan {
  return planApply(read, stored, { prune, only: ['book'] }, context);
}
