import type { UsageReport } from '../../completion/usage-fields.ts';

/** How one provider counts: what its numbers include, which sums it promises, and the function that reads them into
 *  disjoint slices. docs/reference/readings.md is made from these. */
export interface UsageSemantics {
  /** As the fixtures' folder is called. */
  readonly provider: string;
  /** What the input number includes, and where cached tokens are. */
  readonly input: string;
  readonly output: string;
  /** Sums that must hold; a report that breaks one is quarantined with both numbers. */
  readonly identities: readonly string[];
  /** What is read beside tokens. */
  readonly beside: string;
  /** URL and date. */
  readonly source: string;
  /** Pure; never throws, whatever the value. undefined when nothing was said (absent or null). */
  readonly read: (raw: unknown) => UsageReport | undefined;
}
