import type { Fault } from '../completion/fault.ts';
import type { ProviderCost, UsageCounts, UsageSlices } from '../completion/usage.ts';
import type { UsageReport } from '../completion/usage-fields.ts';
import type { AnswerFacts } from './dialect.ts';

/** Names that providers choose reach headers, records and metrics. */
const nameLettersMax = 256;

/** A name a provider sent, within its bound; undefined when it sent none. */
export function readName(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, nameLettersMax) : undefined;
}

/** Facts of an answer while they are being gathered. */
export class AnswerTally {
  servedModel: string | undefined = undefined;
  serviceTier: string | undefined = undefined;
  finishRaw: string | undefined = undefined;
  fault: Fault | undefined = undefined;
  contentBytes = 0;
  contentBytesSinceUsage = 0;
  malformedEvents = 0;
  rawUsage: unknown = undefined;
  #usage: UsageSlices | undefined = undefined;
  #identityBroken: string | undefined = undefined;
  #counts: UsageCounts | undefined = undefined;
  #region: string | undefined = undefined;
  #providerCost: ProviderCost | undefined = undefined;

  content(bytes: number): void {
    this.contentBytes += bytes;
    this.contentBytesSinceUsage += bytes;
  }

  usage(raw: unknown, report: UsageReport | undefined): void {
    if (report === undefined) return;
    this.rawUsage = raw;
    // A report that does not add up says nothing: slices are absent rather than guessed.
    this.#usage = report.identityBroken === undefined ? report.slices : undefined;
    this.#identityBroken = report.identityBroken;
    this.#counts = report.counts;
    this.#region = report.region;
    this.#providerCost = report.providerCost;
    this.serviceTier = report.serviceTier ?? this.serviceTier;
    this.contentBytesSinceUsage = 0;
  }

  get facts(): AnswerFacts {
    return {
      servedModel: this.servedModel,
      usage: this.#usage,
      rawUsage: this.rawUsage,
      serviceTier: this.serviceTier,
      identityBroken: this.#identityBroken,
      counts: this.#counts,
      region: this.#region,
      providerCost: this.#providerCost,
      finishRaw: this.finishRaw,
      contentBytes: this.contentBytes,
      fault: this.fault,
      malformedEvents: this.malformedEvents,
    };
  }
}
