import type { Author } from '../audit/author.ts';
import type { Plan, PlanContext } from './plan.ts';
import type { Configuration } from './resources.ts';

/** The one way in which the configuration changes: read, plan, commit; planned again when somebody was faster. */
export type ChangeConfiguration = (
  author: Author,
  plan: (stored: Configuration) => Plan,
) => Promise<{ readonly plan: Plan; readonly before: Configuration; readonly revision: bigint }>;

export interface ChangeParts {
  readonly change: ChangeConfiguration;
  readonly makeContext: () => PlanContext;
}
