import type { Fault } from '../completion/fault.ts';
import type { UsageSlices } from '../completion/usage.ts';
import type { UsageReport } from '../completion/usage-fields.ts';
import type { AnswerFacts } from './dialect.ts';

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
      finishRaw: this.finishRaw,
      contentBytes: this.contentBytes,
      fault: this.fault,
      malformedEvents: this.malformedEvents,
    };
  }
}
