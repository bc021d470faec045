import type { ReasoningForm } from '../completion/profile.ts';
import { type ReasoningControl, type ReasoningEffort, reasoningEfforts, type Turn } from '../completion/request.ts';

/** Thinking tokens that an effort stands for where a model takes a budget. No provider publishes such a table: these are
 *  powers of two from the least budget that Messages takes (1,024), so that each step doubles or more. Read in both
 *  directions: the budget of an effort is of that effort. */
const budgetOfEffort: Readonly<Record<ReasoningEffort, number>> = {
  minimal: 1_024,
  low: 4_096,
  medium: 8_192,
  high: 16_384,
  xhigh: 32_768,
  max: 65_536,
};

/** The least budget of Messages (https://platform.claude.com/docs/en/build-with-claude/extended-thinking, 2026-11). */
export const budgetTokensMin = 1_024;

export function budgetFor(effort: ReasoningEffort): number {
  return budgetOfEffort[effort];
}

/** The strongest effort whose budget fits. */
export function effortFor(budgetTokens: number): ReasoningEffort {
  return reasoningEfforts.findLast(effort => budgetOfEffort[effort] <= budgetTokens) ?? 'minimal';
}

/** A budget that leaves a fifth of the output limit for the answer itself; undefined when less than the least budget
 *  would be left. The limit is the client's and bounds the hold, so it is the budget that gives way. */
export function budgetWithin(budgetTokens: number, outputTokensMax: number): number | undefined {
  const budget = Math.min(budgetTokens, Math.floor((outputTokensMax * 4) / 5));
  return budget < budgetTokensMin ? undefined : budget;
}

/** The effort among those a model takes that comes nearest: the same, else the next stronger, else the strongest.
 *  undefined when it takes none. */
export function nearestEffort(asked: ReasoningEffort, taken: readonly ReasoningEffort[]): ReasoningEffort | undefined {
  const strength = reasoningEfforts.indexOf(asked);
  return taken.find(effort => reasoningEfforts.indexOf(effort) >= strength) ?? taken.at(-1);
}

/** Will the model think, as far as the request and its form say? */
export function thinks(control: ReasoningControl | undefined, form: ReasoningForm): boolean {
  if (form.style === 'none') return false;
  if (control === undefined || control.mode === 'unset') return form.thinksUnasked;
  return control.mode !== 'off' || form.off === 'never' || form.off === 'between-tools';
}

/** The assistant turns whose reasoning a model that thinks must be given back, and that come without; their paths. */
export function turnsWithoutState(turns: readonly Turn[], form: ReasoningForm): readonly Turn[] {
  if (form.needsState === 'never') return [];
  const from = form.needsState === 'current-tool-turns' ? turns.findLastIndex(isSaidByUser) + 1 : 0;
  const called = turns.slice(from).filter(isToolTurn);
  const needed =
    form.needsState !== 'last-tool-turn' ? called : called.slice(-1).filter(turn => isLastSaid(turn, turns));
  return needed.filter(turn => !turn.blocks.some(block => block.type === 'reasoning' && block.state !== undefined));
}

export function isToolTurn(turn: Turn): boolean {
  return turn.role === 'assistant' && turn.blocks.some(block => block.type === 'call');
}

/** Where results stand, a thread of calls goes on, whatever is said beside them. */
function isSaidByUser(turn: Turn): boolean {
  return turn.role === 'user' && !turn.blocks.some(block => block.type === 'result');
}

/** Only the last thing that the model said must still begin with its thinking. */
function isLastSaid(turn: Turn, turns: readonly Turn[]): boolean {
  return turns.findLast(({ role }) => role === 'assistant') === turn;
}
