import type { UsageCounts } from '../../completion/usage.ts';
import { isRecord, type UsageFields } from '../../completion/usage-fields.ts';

/** Kinds of counts in one report. No provider has more than a dozen kinds of tools. */
const countKindsMax = 32;
/** Of a meter's name behind `tool.`; price rows have the same bound. */
const toolNameLettersMax = 32;

/** Counts of one report while they are read; what was never said stays absent. */
export class CountTally {
  #counts: Record<string, number> | undefined;
  #kinds = 0;

  add(name: string, count: number | undefined, fields: UsageFields): void {
    if (count === undefined) return;
    this.#counts ??= {};
    if (this.#counts[name] === undefined) this.#kinds += 1;
    if (this.#kinds > countKindsMax) {
      fields.refuse(`more than ${countKindsMax} kinds of counts`);
      return;
    }
    const sum = (this.#counts[name] ?? 0) + count;
    if (Number.isSafeInteger(sum)) this.#counts[name] = sum;
    else fields.refuse(`${name} adds up to more than 2⁵³−1`);
  }

  /** Members such as `web_search_calls: 2`, of which each is a tool: `tool.webSearch`. Zero says nothing new about a tool
   *  that nobody called, so only what was called is kept. */
  addTools(raw: unknown, { suffix, free }: ToolMembers, fields: UsageFields): void {
    if (!isRecord(raw)) return;
    for (const member of Object.keys(raw)) {
      if (free.has(member)) continue;
      const calls = fields.count(raw, member);
      if (calls === undefined || calls === 0) continue;
      const name = toolMeterName(member.endsWith(suffix) ? member.slice(0, -suffix.length) : member);
      if (name === undefined) fields.refuse('a tool has a name that is no word');
      else this.add(name, calls, fields);
    }
  }

  /** As a part of a report. */
  get part(): { readonly counts: UsageCounts } | undefined {
    return this.#counts === undefined ? undefined : { counts: this.#counts };
  }
}

export interface ToolMembers {
  /** Left off the member's name: `_calls`, `_requests`. */
  readonly suffix: string;
  /** Members that the provider does not bill by the call. */
  readonly free: ReadonlySet<string>;
}

/** `web_search` is counted as `tool.webSearch`; undefined for what is no word. */
export function toolMeterName(member: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(member)) return undefined;
  const name = member.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return name.length > toolNameLettersMax ? undefined : `tool.${name}`;
}
