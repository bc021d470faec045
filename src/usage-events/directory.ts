import type { RateTimeline } from '../pricing/timeline.ts';

/** What events name, as the configuration has it at this moment; control/ fills it. */
export interface UsageDirectory {
  hasOrganisation(organisation: string): boolean;
  /** organisation/project */
  hasProject(project: string): boolean;
  /** The project of a key, organisation/project; revoked and expired keys count: they did use it. */
  projectOfKey(key: string): string | undefined;
  findDeployment(id: string): { readonly model: string; readonly provider: string } | undefined;
  /** undefined where the book names nothing. `sell` is what the organisation agreed on, else the list. */
  pricesOf(priced: {
    readonly organisation: string;
    /** Deployment id, or the product itself. */
    readonly id: string;
    /** vendor/name */
    readonly product: string;
    readonly provider: string;
  }): { readonly sell: RateTimeline | undefined; readonly buy: RateTimeline | undefined };
  /** Is what its wallet does not pay owed on a line: an overdraft or a credit limit, also one of nothing? */
  owesOnLine(owing: { readonly organisation: string; readonly currency: string }): boolean;
}
