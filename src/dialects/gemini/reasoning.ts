import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ReasoningForm } from '../../completion/profile.ts';
import { type CompletionRequest, type ReasoningControl, reasoningEfforts } from '../../completion/request.ts';
import { budgetFor, effortFor, nearestEffort } from '../reasoning-effort.ts';
import { FieldRules, optionalFlag, optionalNumber, optionalString, read } from '../wire-values.ts';
import { plainNumber, readMessage } from './proto-json.ts';

/** `thinkingConfig`, both ways (https://ai.google.dev/gemini-api/docs/thinking, @google/genai 3.1 types.ts, 2026-11). */

const thinkingFields = new FieldRules({ includeThoughts: read, thinkingBudget: read, thinkingLevel: read });
const path = 'generationConfig.thinkingConfig';

/** A client that does not ask for thoughts is not shown any: that is so by default. */
export function decodeReasoning(value: unknown, losses: LossLedger): ReasoningControl | undefined {
  if (value === undefined || value === null) return undefined;
  const wire = readMessage(value, path);
  thinkingFields.check(wire, path, losses);
  const isShown = optionalFlag(wire['includeThoughts'], `${path}.includeThoughts`) ?? false;
  const display = isShown ? 'summarized' : 'omitted';
  const budget = optionalNumber(plainNumber(wire['thinkingBudget']), `${path}.thinkingBudget`);
  const level = optionalString(wire['thinkingLevel'], `${path}.thinkingLevel`);
  const isLevel = level !== undefined && level !== 'THINKING_LEVEL_UNSPECIFIED';
  if (isLevel && budget !== undefined) {
    throw invalid(path, 'takes either thinkingBudget or thinkingLevel, not both');
  }
  if (isLevel) {
    const effort = levels.get(level.toUpperCase());
    if (effort === undefined) throw invalid(`${path}.thinkingLevel`, 'is not a level of this API');
    return { mode: 'on', effort, budgetTokens: undefined, display };
  }
  if (budget === undefined || budget === -1) {
    return {
      mode: budget === -1 || isShown ? 'adaptive' : 'unset',
      effort: undefined,
      budgetTokens: undefined,
      display,
    };
  }
  if (!Number.isSafeInteger(budget) || budget < 0) {
    throw invalid(`${path}.thinkingBudget`, 'is a whole number of tokens, 0 for none, or -1');
  }
  if (budget === 0) return { mode: 'off', effort: undefined, budgetTokens: undefined, display };
  return { mode: 'on', effort: undefined, budgetTokens: budget, display };
}

const levels: ReadonlyMap<string, ReasoningControl['effort']> = new Map(
  (['minimal', 'low', 'medium', 'high'] as const).map(effort => [effort.toUpperCase(), effort]),
);

function invalid(at: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${at} ${rule}.`, { parameter: at });
}

/** What a request says of thinking once it is fitted to its model; undefined when nothing is said. */
export function encodeReasoning(
  request: CompletionRequest,
  form: ReasoningForm,
  targetMax: number,
  losses: LossLedger,
): unknown {
  const { reasoning: control, outputTokensMax } = request;
  if (control === undefined) return undefined;
  if (form.style === 'none') {
    if (control.mode !== 'off') losses.dropped('reasoning-unsupported', 'reasoning_effort');
    return undefined;
  }
  if (control.mode === 'off') return sayOff(form, losses);
  // Whoever only names an effort does not ask to see thoughts.
  const includeThoughts = control.mode !== 'unset' && control.display !== 'omitted' ? true : undefined;
  if (control.betweenTools === true) losses.approximated('reasoning-between-tools-approximated', 'thinking.type');
  return form.style === 'budget'
    ? {
        ...budgetOf(control, outputTokensMax === undefined ? undefined : Math.min(outputTokensMax, targetMax)),
        includeThoughts,
      }
    : { ...levelOf(control, form, losses), includeThoughts };
}

/** -1: the model decides by itself. A budget leaves room for the answer itself. */
function budgetOf(
  { effort, budgetTokens, mode }: ReasoningControl,
  outputTokensMax: number | undefined,
): { readonly thinkingBudget?: number } {
  const asked = budgetTokens ?? (effort === undefined ? undefined : budgetFor(effort));
  if (asked === undefined) return mode === 'unset' ? {} : { thinkingBudget: -1 };
  const fitting = outputTokensMax === undefined ? asked : Math.min(asked, Math.floor((outputTokensMax * 4) / 5));
  return { thinkingBudget: Math.max(budgetMin, Math.min(fitting, budgetMax)) };
}

/** What every model with budgets takes (https://ai.google.dev/gemini-api/docs/thinking#set-budget, 2026-11). */
const budgetMin = 512;
const budgetMax = 24_576;

function levelOf(
  { effort, budgetTokens, betweenTools }: ReasoningControl,
  form: ReasoningForm,
  losses: LossLedger,
): { readonly thinkingLevel?: string } {
  if (betweenTools === true) return { thinkingLevel: form.efforts[0]?.toUpperCase() };
  if (budgetTokens !== undefined) losses.approximated('reasoning-budget-approximated', 'thinking.budget_tokens');
  const asked = effort ?? (budgetTokens === undefined ? undefined : effortFor(budgetTokens));
  if (asked === undefined) return {};
  const taken = nearestEffort(asked, form.efforts);
  if (taken !== asked && effort !== undefined) {
    losses.approximated('reasoning-effort-approximated', 'reasoning_effort');
  }
  return taken === undefined ? {} : { thinkingLevel: taken.toUpperCase() };
}

function sayOff(form: ReasoningForm, losses: LossLedger): unknown {
  if (form.off === 'silence' || !form.thinksUnasked) return form.off === 'thinking-disabled' ? noThinking : undefined;
  if (form.off === 'thinking-disabled') return noThinking;
  losses.approximated('reasoning-off-approximated', 'reasoning_effort');
  if (form.style === 'budget') return { thinkingBudget: budgetMin };
  const least = reasoningEfforts.find(effort => form.efforts.includes(effort));
  return least === undefined ? undefined : { thinkingLevel: least.toUpperCase() };
}

const noThinking = { thinkingBudget: 0 };
